"""`sdflow report`: a page about a run."""

from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.main import EXIT_FAILED, EXIT_INTERRUPTED


@click.command()
@opt.recipe_argument
@opt.recipe_options
@opt.plan_options
@opt.session_options
@opt.lock_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("report.html"),
    show_default=True, metavar="FILE", help="The page.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(recipe: Path, output: Path, quiet: bool, **options: Any) -> int:  # noqa: FBT001
    """Run what is missing of RECIPE and write one HTML page: pictures, recipe, graph, time, memory, versions, lock.

    The page holds all of it and fetches nothing. Nodes that were kept are told with the time that they took when they
    ran; --refresh runs them again. No output files are written: for these, use `sdflow run --report FILE`.
    """
    from sdflow.cli.display import display
    from sdflow.cli.reporting import run_reported

    words = opt.command_words("report", recipe, options)
    wishes = opt.wishes_of(options)
    with opt.session_of(options).closing() as session:
        composition = opt.composition_of(recipe, options, session)
        with display(quiet=quiet, as_json=False) as listener:
            result = run_reported(
                session, output, words, listener,
                lambda watched: session.run(composition, wishes, keep_going=True, listener=watched),
            )  # fmt: skip
    click.echo(output)
    if result.outcome.interrupted:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if result.failed else 0
