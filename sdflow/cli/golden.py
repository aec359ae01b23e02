"""`sdflow golden`: reference pictures in the repository, and whether recipes still make them."""

import json
import math
from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.main import EXIT_FAILED
from sdflow.cli.tables import paint
from sdflow.problems import Problem, UserError

_FILE = click.Path(path_type=Path, dir_okay=False)


def _finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """`nan` is in every range for click, and neither it nor `inf` can be written into a golden."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no finite number.")
    return value


@click.group()
def command() -> None:
    """Keep small reference pictures in the repository, and check that recipes still make them."""


@command.command()
@click.argument("recipes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECIPE…")
@opt.change_options
@opt.session_options
@opt.lock_option
@click.option("--update", is_flag=True, help="Replace a golden that says something else.")
@click.option(
    "--digests-only", is_flag=True, help="Keep no pictures; then only the same class can be compared."
)
@click.option(
    "--longest-side", type=click.IntRange(16, 4096), metavar="PIXELS",
    help="Keep pictures at this size at most; by default 256, or what the golden says.",
)  # fmt: skip
@click.option(
    "--psnr",
    type=click.FloatRange(0),
    callback=_finite,
    metavar="DB",
    help="How alike pictures have to be in other numerics classes, in dB.",
)
@click.option(
    "--ssim", type=click.FloatRange(0, 1), callback=_finite, metavar="0…1", help="The same, by structure."
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def record(  # noqa: PLR0917 - click calls by name
    recipes: tuple[Path, ...],
    update: bool,  # noqa: FBT001
    digests_only: bool,  # noqa: FBT001
    longest_side: int | None,
    psnr: float | None,
    ssim: float | None,
    quiet: bool,  # noqa: FBT001
    **options: Any,
) -> int:
    """Run each RECIPE and write NAME.golden/ beside it: digests, small pictures, and the numerics class.

    Options that change the recipe are written down, and `verify` uses them again. A golden that is there is only
    replaced with --update, and keeps its options, tolerances and size where no others are given.
    """
    from sdflow.cli.display import display
    from sdflow.cli.goldens import written
    from sdflow.golden.check import Wanted
    from sdflow.golden.check import record as recorded

    side = 0 if digests_only else longest_side
    wanted = Wanted(_options(options), side, psnr, ssim)
    wrong: list[Problem] = []
    failed = False
    with opt.session_of(options).closing() as session, display(quiet=quiet, as_json=False) as listener:
        for recipe in recipes:
            try:
                made = recorded(session, recipe, wanted, listener)
                if made is None:
                    failed = True
                else:
                    click.echo(written(made, update=update))
            except UserError as error:
                wrong += error.problems
    if wrong:
        raise UserError(*wrong)
    return EXIT_FAILED if failed else 0


@command.command()
@click.argument("recipes", nargs=-1, type=click.Path(path_type=Path), metavar="[RECIPE]…")
@opt.change_options
@opt.session_options
@opt.lock_option
@click.option("--junit", type=_FILE, metavar="FILE", help="Write the results as JUnit XML there.")
@click.option("--html", type=_FILE, metavar="FILE", help="Write a page with all pictures there.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def verify(
    recipes: tuple[Path, ...],
    junit: Path | None,
    html: Path | None,
    as_json: bool,  # noqa: FBT001
    quiet: bool,  # noqa: FBT001
    **options: Any,
) -> int:
    """Run each RECIPE and compare what it makes with its golden; by default, all below this folder that have one.

    In the numerics class that it was recorded in, digests have to be equal; in another one, pictures have to be
    alike. Results that are kept count where the same versions made them; --no-cache computes everything anew. The exit
    code is 1 where something is not as recorded.
    """
    from sdflow.cli.display import display
    from sdflow.cli.golden_junit import junit_xml
    from sdflow.cli.golden_words import checked_json, checked_text
    from sdflow.cli.goldens import golden_page_of
    from sdflow.cli.writing import write_text
    from sdflow.golden.check import Checked
    from sdflow.golden.check import verify as verified
    from sdflow.golden.find import recipes_with_golden

    changes = _options(options)
    wrong: list[Problem] = []
    found: list[Checked] = []
    chosen = recipes or recipes_with_golden(Path())
    with opt.session_of(options).closing() as session, display(quiet=quiet, as_json=False) as listener:
        for recipe in chosen:
            try:
                found.append(verified(session, recipe, changes, listener, pictures=html is not None))
            except UserError as error:
                wrong += error.problems
    if as_json:
        click.echo(json.dumps(checked_json(found), ensure_ascii=False, indent=2))
    elif found:
        click.echo(checked_text(found))
    if junit is not None:
        write_text(junit, junit_xml(found, wrong))
    if html is not None:
        write_text(html, golden_page_of(found))
        click.echo(paint(f"{html}", "dim"), err=True)
    if wrong:
        raise UserError(*wrong)
    return 0 if all(it.passed for it in found) else EXIT_FAILED


def _options(options: dict[str, Any]) -> Any:
    """Take the options that change the recipe out of a command's options."""
    from sdflow.golden.reference import Options

    return Options(options.pop("params"), options.pop("overrides"), options.pop("matrix"))
