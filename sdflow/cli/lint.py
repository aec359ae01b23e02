"""`sdflow lint`: what is probably a mistake."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.problems import Problem, UserError

EXIT_FINDINGS = 1


@click.command()
@click.argument("recipes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECIPE…")
@opt.recipe_options
@opt.session_options
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(recipes: tuple[Path, ...], as_json: bool, **options: Any) -> int:  # noqa: FBT001 - click calls by name
    """Point at what is probably a mistake in RECIPEs that are valid. Nothing is downloaded or computed.

    Exit code 0: nothing found; 1: findings; 2: a recipe is not valid.
    """
    from sdflow.cli.linting import look

    found: list[Problem] = []
    wrong: list[Problem] = []
    notes: list[str] = []
    with opt.session_of(options).closing() as session:
        for recipe in recipes:
            try:
                findings, note = look(session, recipe, dict(options))
            except UserError as error:
                wrong += error.problems
            else:
                found += findings
                notes += [f"{recipe}: {note}"] if note else []
    if wrong:
        raise UserError(*wrong)
    if as_json:
        click.echo(json.dumps([_as_json(it) for it in found], ensure_ascii=False, indent=2))
    else:
        _show(found, notes)
    return EXIT_FINDINGS if found else 0


def _show(found: Sequence[Problem], notes: Sequence[str]) -> None:
    from sdflow.cli.sources import sources_of
    from sdflow.problems.render import render

    if found:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        click.echo(render(found, sources_of(found), colour=colour))
    for note in notes:
        click.echo(note, err=True)


def _as_json(it: Problem) -> dict[str, str | int | None]:
    place = it.position
    return {
        "code": it.code,
        "message": it.message,
        "hint": it.hint,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "node": it.node,
        "via": str(place.via) if place and place.via else None,
    }
