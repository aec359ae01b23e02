"""`sdflow model`: what a model consists of, and bringing it here."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from sdflow.cli import options as opt
from sdflow.cli.tables import paint, table, terminal_width
from sdflow.cli.units import size

F = TypeVar("F", bound=Callable[..., Any])
_PLACE = ("revision", "variant", "subfolder", "file", "sha256")
_DTYPES = ("auto", "float32", "float16", "bfloat16")


@click.group()
def command() -> None:
    """Describe and download models."""


@command.command(name="list")
def list_models() -> None:
    """List the models that sdflow brings along."""
    from sdflow.models.builtin import BUILTINS

    rows = [[paint(f"builtin:{name}", "cyan"), it.about] for name, it in BUILTINS.items()]
    click.echo(table(["source", "what it is"], rows, elastic=1, width=terminal_width(), wrap=True))


def _place_options(function: F) -> F:
    """The options that say which files of a source are meant."""
    for option in (
        click.option(
            "--sha256", metavar="DIGITS", help="What the file must have; an address on the web needs it."
        ),
        click.option("--file", metavar="NAME", help="One file of a repository, a folder or a version."),
        click.option("--subfolder", metavar="DIR", help="Folder inside the source."),
        click.option("--variant", metavar="NAME", help="Variant of the weight files, such as fp16."),
        click.option("--revision", metavar="NAME", help="Branch, tag or commit of a hub repository."),
    ):
        function = option(function)
    return function


@command.command()
@click.argument("source")
@_place_options
@click.option(
    "--dtype", type=click.Choice(_DTYPES), default="auto", show_default=True, help="Precision to load in."
)
@click.option("--config", metavar="SOURCE", help="Where the configuration of a single file comes from.")
@click.option(
    "--prediction-type", type=click.Choice(("epsilon", "v_prediction")), help="What the UNet predicts."
)
@opt.session_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(source: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click calls by name
    """Show the components of the model at SOURCE, as a recipe names it. No weights are loaded."""
    from sdflow.models.describe import component_rows, human_size
    from sdflow.models.request import ModelRequest

    wanted = {name: options.pop(name) for name in (*_PLACE, "dtype", "config", "prediction_type")}
    with opt.session_of(options).closing() as session:
        model = session.describer.model(ModelRequest(source, **wanted), Path.cwd())
    rows = component_rows(model)
    if as_json:
        components = [asdict(row) for row in rows]
        about = {"family": model.family, "native_size": list(model.native_size), "components": components}
        click.echo(json.dumps(about, ensure_ascii=False, indent=2))
        return
    space, (width, height) = model.space, model.native_size
    click.echo(f"{paint(source, 'bold')}  {model.family}, made for {width}×{height}, ", nl=False)
    click.echo(f"latents of {space.channels} channels at 1/{space.factor}\n")
    shown = [
        [
            paint(row.role, "cyan"),
            row.class_name,
            f"{row.parameters / 1e6:.1f} M" if row.parameters else "",
            human_size(row.size) if row.size else "",
            row.dtype if row.stored_dtype in ("", row.dtype) else f"{row.stored_dtype} → {row.dtype}",
            row.digest[:12],
        ]
        for row in rows
    ]
    head = ["component", "class", "parameters", "size", "dtype", "digest"]
    click.echo(table(head, shown, right=(2, 3), elastic=1, width=terminal_width()))
    for where in dict.fromkeys(row.where for row in rows):
        click.echo(f"\n{paint('from', 'dim')} {where}", nl=False)
    download = sum(row.download for row in rows)
    click.echo(f"\n{paint('download', 'dim')} {size(download)}" if download else "")


@command.command()
@click.argument("source")
@_place_options
@opt.session_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def fetch(source: str, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click calls by name
    """Download the model or the file at SOURCE, and print what a recipe says to get exactly this.

    SOURCE is a hub id, civitai:VERSION, or an address that was copied. What was begun goes on where it stopped.
    """
    from sdflow.cli.fetching import download_bar
    from sdflow.models.request import PartRequest
    from sdflow.recipe.resolved import yaml_scalar

    request = PartRequest(source, **{name: options.pop(name) for name in _PLACE})
    with opt.session_of(options).closing() as session, download_bar(source) as progress:
        fetched = session.describer.fetch(request, Path.cwd(), progress)
    paths, about = [str(path) for path in fetched.paths], fetched.civitai
    if as_json:
        told = {"paths": paths, "bytes": fetched.size, "recipe": dict(fetched.fields)}
        told |= {"civitai": asdict(about)} if about is not None else {}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for path in paths:
        click.echo(path)
    if about is not None:
        words = f"; write {', '.join(about.trained_words)}" if about.trained_words else ""
        click.echo(paint(f"{about.title}: {about.kind} for {about.base_model}{words}", "dim"))
    click.echo(f"{paint(f'{size(fetched.size)}; in a recipe:', 'dim')}\n")
    for name, value in fetched.fields.items():
        click.echo(f"{name}: {yaml_scalar(value)}")
