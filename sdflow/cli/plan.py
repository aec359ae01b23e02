"""`sdflow plan`: what a run would do."""

from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt


@click.command()
@opt.recipe_argument
@opt.recipe_options
@opt.plan_options
@opt.session_options
@opt.lock_option
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Show every node of a large matrix, and keys.")
def command(recipe: Path, as_json: bool, verbose: bool, **options: Any) -> None:  # noqa: FBT001 - click calls by name
    """Say which nodes of RECIPE would run, why, in which order, and what that takes. Nothing is computed."""
    from sdflow.cli.plan_text import plan_json, plan_text

    wishes = opt.wishes_of(options)
    with opt.session_of(options).closing() as session:
        prepared = session.prepare(opt.composition_of(recipe, options, session), wishes)
        click.echo(plan_json(prepared) if as_json else plan_text(prepared, verbose=verbose))
