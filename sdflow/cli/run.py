"""`sdflow run`: make the pictures."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.main import EXIT_BUG, EXIT_FAILED, EXIT_INTERRUPTED
from sdflow.engine.events import Listener
from sdflow.problems import UserError
from sdflow.workflow import RunResult, Session


@click.command()
@opt.recipe_argument
@opt.recipe_options
@opt.plan_options
@opt.session_options
@opt.lock_option
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out"),
    show_default=True,
    metavar="DIR",
    help="Where output files go.",
)
@click.option("--keep-going", is_flag=True, help="When a node fails, run what does not need it.")
@click.option("--no-metadata", is_flag=True, help="Write pictures without the recipe inside.")
@click.option(
    "--watch", is_flag=True, help="Stay, and run again whenever the recipe or an input file is saved."
)
@click.option(
    "--save-every", type=click.FloatRange(min=0), default=5.0, show_default=True, metavar="SECONDS",
    help="How often a denoise keeps a state that a killed run goes on from; 0 is after every step.",
)  # fmt: skip
@click.option(
    "--check-determinism", "twice", is_flag=True,
    help="Run everything, each node twice, and say which give other bits; exit code 1 where one does.",
)  # fmt: skip
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a page about the run there (see sdflow report).",
)
@click.option("-q", "--quiet", is_flag=True, help="Print only the paths of output files.")
@click.option("--json", "as_json", is_flag=True, help="Print one event per line as JSON.")
def command(recipe: Path, out: Path, **options: Any) -> int:
    """Run RECIPE, a YAML file or a picture that sdflow made; only what changed is computed."""
    from sdflow.cli.display import display

    watching, keep_going = options.pop("watch"), options.pop("keep_going")
    metadata = not options.pop("no_metadata")
    quiet, as_json = options.pop("quiet"), options.pop("as_json")
    report = options.pop("report")
    words = opt.command_words("run", recipe, options)
    wishes = replace(opt.wishes_of(options), twice=options.pop("twice"))
    read_too: list[Path] = []

    def once(session: Session) -> int:
        try:
            composition = opt.composition_of(recipe, dict(options), session)
        except UserError as error:
            read_too.extend(named_files(error) if watching else [])
            raise
        if watching:
            read_too[:] = files_of(composition, session.graph(composition))
        with display(quiet=quiet, as_json=as_json) as listener:
            run = partial(session.run, composition, wishes, out=out, keep_going=keep_going, metadata=metadata)
            result = _reported(session, report, words, listener, run) if report else run(listener=listener)
        if result.outcome.interrupted:
            return EXIT_INTERRUPTED
        if result.outcome.unexpected:
            return EXIT_BUG
        return EXIT_FAILED if result.failed or result.outcome.differing else 0

    if not watching:
        with opt.session_of(options).closing() as session:
            return once(session)
    from sdflow.cli.watch import files_of, named_files, refuse_standard_input, watch

    refuse_standard_input(recipe)
    with opt.session_of(options).closing() as session:
        return watch(lambda: once(session), lambda: [recipe, *options["values"], *read_too])


def _reported(
    session: Session, file: Path, words: str, listener: Listener, run: Callable[..., RunResult]
) -> RunResult:
    from sdflow.cli.reporting import run_reported

    return run_reported(session, file, words, listener, lambda watched: run(listener=watched))
