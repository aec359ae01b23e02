"""`sdflow explain`: why a node would run, or what it was made from."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from sdflow.cli import options as opt
from sdflow.cli.completing import complete_nodes
from sdflow.cli.explain_records import near_lines
from sdflow.cli.explaining import Explained, explain, prepare_for
from sdflow.cli.preimages import differences, flat, shown
from sdflow.cli.tables import paint, printable, table, terminal_width
from sdflow.cli.units import ago, duration, size

_MOST_CELLS = 12


@click.command()
@opt.recipe_argument
@click.argument("node", shell_complete=complete_nodes)
@opt.recipe_options
@opt.session_options
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Show every cell of a large matrix, and every result of such nodes."
)
def command(recipe: Path, node: str, as_json: bool, verbose: bool, **options: Any) -> None:  # noqa: FBT001
    """Say why NODE of RECIPE would run or is cached, and what its result depends on.

    Of all results of nodes of its type, the nearest is shown with what differs, at the node where it arises; then those
    results with what they cost.
    """
    with opt.session_of(options).closing() as session:
        prepared = session.prepare(opt.composition_of(recipe, options, session))
        found = list(explain(session, prepare_for(session, prepared, node), node))
    if as_json:
        click.echo(json.dumps([it.to_json() for it in found], ensure_ascii=False, indent=2))
        return
    width = terminal_width()
    chosen = found if verbose else found[:_MOST_CELLS]
    click.echo("\n\n".join("\n".join(_lines(it, width, verbose=verbose)) for it in chosen))
    if len(found) > len(chosen):
        click.echo(f"\n… and {len(found) - len(chosen)} more cells; --verbose shows them all")


def _lines(it: Explained, width: int, *, verbose: bool) -> Iterator[str]:
    cell = f" [{printable(it.cell)}]" if it.cell else ""
    yield f"{paint(it.name + cell, 'bold')}  {it.planned.item.node.name}"
    keyed = it.planned.keyed
    if keyed is None:
        yield "described while planning, never stored: what it describes is in the keys of the nodes that use it"
        return
    status = it.planned.status
    why = "its result is kept" if status == "cached" else printable(it.planned.reason)
    yield f"{paint(status, 'green' if status == 'cached' else 'yellow')}: {why}"
    yield ""
    yield f"{_label('key')} {keyed.key}"
    yield f"{_label('kept')} {_kept(it)}"
    if it.changed:
        yield f"{_label('before')} {it.previous}"
        if it.previous_record is None:
            yield f"{_label('')} no record of it is left, so that what changed cannot be told"
        else:
            yield ""
            rows = [
                (path, old, new)
                for path, old, new in differences(it.previous_record.preimage, keyed.preimage)
            ]
            yield table(
                ["changed", "before", "now"], [list(row) for row in rows], elastic=1, width=width, indent="  "
            )
    yield from near_lines(it, width, verbose=verbose)
    yield ""
    rows_now = [[path, shown(value)] for path, value in flat(keyed.preimage).items() if value != ""]
    yield table(["made from", ""], rows_now, elastic=1, width=width, indent="  ")


def _label(text: str) -> str:
    return paint(text.ljust(7), "dim")


def _kept(it: Explained) -> str:
    record = it.record
    if record is None:
        return "no, it was never computed here"
    when = f"computed {ago(time.time() - record.created)} in {duration(record.seconds)}"
    peak = f", {size(record.peak_bytes)} at most" if record.peak_bytes else ""
    others = f"; {len(record.also)} other results had this key before" if record.also else ""
    return f"{size(record.nbytes) if it.kept else 'not any more'}, {when}{peak}{others}"
