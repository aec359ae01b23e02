"""`sdflow lock`: the bytes of everything that goes into a recipe, pinned."""

from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.tables import paint
from sdflow.problems import Problem, UserError, problem

EXIT_OUT_OF_DATE = 1


@click.command()
@click.argument("recipes", nargs=-1, type=click.Path(path_type=Path), metavar="[RECIPE]…")
@opt.session_options
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a lock is out of date. For CI.")
@click.option(
    "--upgrade",
    multiple=True,
    metavar="NODE|all",
    help="Let the models of this node move to what is there today.",
)
@click.option("--install-git", is_flag=True, help="Let git merge locks in this repository by their facts.")
@click.option("--yes", is_flag=True, help="Do not ask before something is installed.")
@click.option("--driver", is_flag=True, hidden=True)
def command(  # noqa: PLR0917 - click calls by name
    recipes: tuple[Path, ...],
    check: bool,  # noqa: FBT001
    upgrade: tuple[str, ...],
    install_git: bool,  # noqa: FBT001
    yes: bool,  # noqa: FBT001
    driver: bool,  # noqa: FBT001
    **options: Any,
) -> int:
    """Write NAME.lock beside each RECIPE (all of this folder by default): what goes into it, by digest.

    For each model component its commit, files, digests and sizes; for each input its digest; versions of node types.
    `run` then uses the pinned commits and stops at other bytes, and `run --locked` refuses what is not pinned. Commits
    that are in the lock stay, unless they are upgraded.
    """
    from sdflow.cli.lock_driver import install, merge_files
    from sdflow.cli.locking import locked_text

    if driver:
        return merge_files(recipes)
    if install_git:
        return install(Path.cwd(), yes=yes)
    chosen = recipes or _recipes_here()
    wrong: list[Problem] = []
    stale = False
    with opt.session_of(options).closing() as session:
        for recipe in chosen:
            try:
                path, text = locked_text(session, recipe, upgrade)
            except UserError as error:
                wrong += error.problems
                continue
            before = path.read_text(encoding="utf-8") if path.is_file() else ""
            if before == text:
                click.echo(f"{paint(str(path), 'dim')} is up to date")
            elif check:
                stale = True
                click.echo(f"{path} is {'out of date' if before else 'missing'}", err=True)
            else:
                path.write_text(text, encoding="utf-8", newline="\n")
                click.echo(f"{path} {'changed' if before else 'written'}")
    if wrong:
        raise UserError(*wrong)
    return EXIT_OUT_OF_DATE if stale else 0


def _recipes_here() -> list[Path]:
    from sdflow.review.side import is_recipe

    found = sorted(path for path in Path().glob("*.y*ml") if is_recipe(path))
    if not found:
        raise problem(
            "SDF100", "there is no recipe in this folder", hint="name one, such as recipes/portrait.yaml"
        )
    return found
