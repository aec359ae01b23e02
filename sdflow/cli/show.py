"""`sdflow show`: the results of a node."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.completing import complete_nodes
from sdflow.cli.explaining import Explained, explain, prepare_for
from sdflow.cli.tables import paint, printable
from sdflow.cli.units import ago, duration, size
from sdflow.graph.outputs import PICTURES, file_name
from sdflow.problems import UserError, problem
from sdflow.values.encoded import Encoded
from sdflow.workflow import Prepared, Session

_MOST_CELLS = 12


@click.command()
@opt.recipe_argument
@click.argument("node", shell_complete=complete_nodes, metavar="NODE[.PORT]")
@opt.recipe_options
@opt.session_options
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the picture (.png, .jpg, .webp) or the tensors (.safetensors) there.",
)  # fmt: skip
@click.option(
    "--index", type=click.IntRange(min=0), default=0, metavar="N", help="Which picture of a batch to write."
)
def command(recipe: Path, node: str, out: Path | None, index: int, **options: Any) -> None:
    """Show what is kept of NODE: kinds, shapes, statistics, when and how long it was computed, and its files."""
    name, _, port = node.partition(".")
    with opt.session_of(options).closing() as session:
        prepared = session.prepare(opt.composition_of(recipe, options, session))
        if port and name in prepared.composition.ports:
            name, port = _inside(prepared, name, port)
        prepared = prepare_for(session, prepared, name)
        kept = [it for it in explain(session, prepared, name) if it.kept]
        if not kept:
            raise _nothing(recipe, name, prepared)
        if out is not None:
            _write(session, kept[0], port, out, index)
            click.echo(out)
            return
        for place, it in enumerate(kept[:_MOST_CELLS]):
            click.echo("\n".join([*([""] if place else []), *_lines(session, prepared, it, port)]))
    if len(kept) > _MOST_CELLS:
        click.echo(f"\n… and {len(kept) - _MOST_CELLS} more cells; -p picks one")


def _inside(prepared: Prepared, name: str, port: str) -> tuple[str, str]:
    """The node and port that a port of a node means that stands for a recipe.

    Raises:
        UserError: SDF724, its recipe has no such output.
    """
    try:
        ref = prepared.composition.port(name, port)
    except KeyError:
        hint = "its outputs: " + ", ".join(prepared.composition.ports[name])
        raise problem("SDF724", f"{name} has no result {port}", hint=hint) from None
    return ref.node, ref.port or ""


def _lines(session: Session, prepared: Prepared, it: Explained, port: str) -> Iterator[str]:
    record = it.record
    if record is None:
        raise AssertionError("only what is kept is shown")
    cell = f" [{printable(it.cell)}]" if it.cell else ""
    yield f"{paint(it.name + cell, 'bold')}  {it.planned.item.node.name}  {paint(record.key[:12], 'dim')}"
    yield f"computed {ago(time.time() - record.created)} in {duration(record.seconds)}{_where(record.environment)}"
    files = _files(prepared, it)
    for name, value in session.store.load(record, (port,) if port else None).items():
        output = record.outputs[name]
        summary = f"  {output.summary}" if isinstance(output.summary, str) else ""
        yield ""
        yield f"{paint(f'${it.name}.{name}', 'cyan')}  {value.kind}{summary}  {size(output.size)}"
        yield from (f"  {line}" for line in _statistics(value))
        yield from (f"  {paint('file', 'dim')} {path}" for path in files.get(name, ()))


def _where(environment: object) -> str:
    if not isinstance(environment, dict):
        return ""
    versions = environment.get("versions")
    torch = f", torch {versions['torch']}" if isinstance(versions, dict) and "torch" in versions else ""
    return f" on {environment.get('device', 'an unknown device')}{torch}"


def _statistics(value: Encoded) -> list[str]:
    from sdflow.pictures.statistics import image_lines, tensor_lines
    from sdflow.values import Image

    return image_lines(Image.decode(value)) if value.kind == "Image" else tensor_lines(value)


def _files(prepared: Prepared, it: Explained) -> dict[str, list[str]]:
    """Port → output files of the recipe, where they are written by default."""
    found: dict[str, list[str]] = {}
    for output in prepared.graph.outputs:
        if output.wire.node == it.planned.item.id and output.cell == it.cell:
            path = Path("out") / file_name(output.path, 0)
            found.setdefault(output.wire.port, []).append(
                str(path) if path.exists() else f"{path} (not there)"
            )
    return found


def _nothing(recipe: Path, name: str, prepared: Prepared) -> UserError:
    (number, *_) = prepared.graph.named(name)
    if not prepared.graph.nodes[number].node.stored:
        message = f"{name} is described while planning and has no results of its own"
        return problem("SDF724", message, hint="sdflow model show SOURCE describes a model")
    return problem(
        "SDF724", f"no result of {name} is kept", hint=f"make it with: sdflow run {recipe} --to {name}"
    )


def _write(session: Session, it: Explained, port: str, out: Path, index: int) -> None:
    """Write one value to a file.

    Raises:
        UserError: there is no such port, or the file is of another kind or cannot be written.
    """
    from sdflow.cli.writing import write_bytes
    from sdflow.values import Image, Mask

    port = port or next(iter(it.planned.item.node.outputs))
    record = it.record
    if record is None or port not in record.outputs:
        ports = ", ".join(record.outputs) if record else ""
        raise problem("SDF724", f"{it.name} has no result {port} that is kept", hint=f"there is: {ports}")
    value = session.store.load(record, (port,))[port]
    is_picture = out.suffix.lower() in PICTURES
    if is_picture and value.kind in ("Image", "Mask"):
        from sdflow.pictures.mask import picture_of
        from sdflow.pictures.write import write

        image = Image.decode(value) if value.kind == "Image" else picture_of(Mask.decode(value))
        if index >= len(image.pixels):
            raise problem("SDF724", f"there is no picture {index} in a batch of {len(image.pixels)}")
        write(image, out, index=index)
    elif is_picture:
        hint = "write it to a .safetensors file, or decode it in the recipe"
        raise problem("SDF703", f"a {value.kind} is no picture", hint=hint)
    else:
        write_bytes(out, value.to_bytes())
