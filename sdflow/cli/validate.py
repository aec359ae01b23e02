"""`sdflow validate`: is the recipe right?"""

from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.problems import Problem, UserError


@click.command()
@click.argument("recipes", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECIPE…")
@opt.recipe_options
@opt.session_options
def command(recipes: tuple[Path, ...], **options: Any) -> None:
    """Check RECIPEs: text, fields, wiring, input files, models, shapes. Nothing is downloaded or computed."""
    from sdflow.cli.checking import checked

    found: list[Problem] = []
    with opt.session_of(options).closing() as session:
        for recipe in recipes:
            try:
                seen = checked(session, opt.composition_of(recipe, dict(options), session))
            except UserError as error:
                found += error.problems
            else:
                note = f" (shapes not checked: {seen.missing})" if seen.missing else ""
                click.echo(f"{recipe}: ok{note}")
    if found:
        raise UserError(*found)
