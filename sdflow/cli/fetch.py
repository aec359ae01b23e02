"""`sdflow fetch`: everything that recipes need, brought here."""

from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.units import size


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@opt.recipe_options
@opt.session_options
@opt.lock_option
def command(recipe: Path, **options: Any) -> None:
    """Download all models that RECIPE needs, at the commits of its lock, so that a run needs no network.

    What was begun goes on where it stopped; what is here already is left alone. Digests are checked on arrival.
    """
    from sdflow.cli.fetching import download_bar
    from sdflow.models.download import ensure_local
    from sdflow.values import Component, Loadable

    with opt.session_of(options).closing() as session:
        prepared = session.prepare(opt.composition_of(recipe, options, session))
        wanted: dict[str, Component] = {
            part.digest: part
            for number in prepared.plan.nodes
            for value in prepared.plan.inferred[number].values()
            if isinstance(value, Loadable)
            for part in value.components.values()
        }
        context = session.describer.context(prepared.composition.base)
        total = 0
        for part in wanted.values():
            places = (part.location, *(adapter.location for adapter in part.adapters))
            missing = sum(place.download_bytes for place in places if place.folder is None)
            if all(place.folder is not None for place in places):
                continue
            with download_bar(f"{part.role} of {part.location.source}") as progress:
                ensure_local(part, progress, hub=context.hub, web=context.web)
            click.echo(f"{part.role} of {part.location.source}: {size(missing)}")
            total += missing
    click.echo(f"{size(total)} downloaded" if total else "everything is here")
