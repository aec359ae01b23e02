"""`sdflow migrate`: recipes in the newest version of the format."""

from difflib import unified_diff
from pathlib import Path

import click

from sdflow.problems import Problem, UserError, problem

EXIT_OUT_OF_DATE = 1


@click.command()
@click.argument("recipes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECIPE…")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where a recipe is not current.")
@click.option("--diff", "as_diff", is_flag=True, help="Write nothing; print what would change.")
def command(recipes: tuple[Path, ...], check: bool, as_diff: bool) -> int:  # noqa: FBT001 - click calls by name
    """Bring RECIPEs to the newest version of the format; comments and layout stay.

    Nothing is written unless all of them can be.
    """
    from sdflow.cli.writing import replace_all
    from sdflow.recipe.migration import Migrated, migrated
    from sdflow.recipe.reading import read_bytes
    from sdflow.recipe.versions import STEPS

    found: dict[Path, Migrated] = {}
    wrong: list[Problem] = []
    for recipe in dict.fromkeys(recipes):
        try:
            if str(recipe) == "-":
                raise problem("SDF787", "migrate rewrites files, and standard input is none")
            found[recipe] = migrated(read_bytes(recipe), str(recipe), STEPS)
        except UserError as error:
            wrong += error.problems
    if wrong:
        raise UserError(*wrong)
    changed = {recipe: it for recipe, it in found.items() if it.steps}
    if as_diff:
        for recipe, it in changed.items():
            click.echo(_diff(recipe, it.before, it.after), nl=False)
        return 0
    if not check:
        replace_all({recipe: it.after.encode() for recipe, it in changed.items()})
    for recipe, it in found.items():
        click.echo(_line(recipe, it.version, [step.says for step in it.steps], check=check))
    return EXIT_OUT_OF_DATE if check and changed else 0


def _line(recipe: Path, version: int, says: list[str], *, check: bool) -> str:
    if not says:
        return f"{recipe}: current, version {version}"
    return (
        f"{recipe}: version {version} {'and not' if check else '→'} {version + len(says)}: {'; '.join(says)}"
    )


def _diff(recipe: Path, before: str, after: str) -> str:
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(unified_diff(old, new, f"a/{recipe.as_posix()}", f"b/{recipe.as_posix()}"))
