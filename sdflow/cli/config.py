"""`sdflow config`: the recipe with everything filled in."""

import json
import os
from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.tables import printable
from sdflow.problems import UserError


@click.command()
@opt.recipe_argument
@opt.recipe_options
@click.option("--profile", metavar="NAME|FILE", help="Show this profile, too; by default SDFLOW_PROFILE.")
@click.option("--json", "as_json", is_flag=True, help="Print the recipe alone, as JSON.")
def command(recipe: Path, as_json: bool, profile: str | None, **options: Any) -> None:  # noqa: FBT001 - click calls by name
    """Print RECIPE with all options and defaults filled in, and beside each value where it came from.

    What is printed is a recipe again. A profile, which is no part of it, stands below it as a comment.
    """
    from sdflow.cli.profile_text import chosen_lines
    from sdflow.cli.provenance_comments import config_lines
    from sdflow.cli.sources import remember_options
    from sdflow.composing import recipe_file
    from sdflow.nodes.builtin import default_registry
    from sdflow.profiles.reading import find_profile
    from sdflow.recipe import draft

    chosen = find_profile(profile, os.environ)
    changes = opt.changes_of(options)
    remember_options(changes)
    file = recipe_file(recipe)
    drafted = draft(file, changes)
    if drafted.problems:
        raise UserError(*drafted.problems)
    if as_json:
        click.echo(json.dumps(drafted.composition.resolved, ensure_ascii=False, indent=2))
        return
    for line in config_lines(file, drafted, default_registry()):
        click.echo(printable(line.text()))
    for comment in chosen_lines(chosen):
        click.echo(printable(comment))
