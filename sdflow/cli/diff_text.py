"""A comparison of recipes in words, for people and (as JSON) for programs."""

from collections.abc import Iterator, Sequence

from sdflow.cli.plan_facts import downloads
from sdflow.cli.preimages import shown
from sdflow.cli.tables import paint, printable, shortened, table, terminal_width
from sdflow.cli.units import interval, size
from sdflow.composition import Json
from sdflow.graph.plan import Seconds
from sdflow.review.compare import NodeChange, RecipeDiff
from sdflow.review.effect import Rerun
from sdflow.review.fields import FieldChange

_SIGNS = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "renamed": ("→", "cyan"),
}
_LONGEST = 60


def diff_text(found: Sequence[RecipeDiff], before: str, after: str) -> str:
    """What was said differently, then what runs because of it, recipe by recipe."""
    if not found:
        return f"{before} and {after}: the recipes say and give the same"
    width = terminal_width()
    return "\n\n".join("\n".join(_lines(it, before, after, width)) for it in found)


def diff_json(found: Sequence[RecipeDiff], before: str, after: str) -> dict[str, Json]:
    """The same for programs."""
    return {"before": before, "after": after, "recipes": [_recipe_json(it) for it in found]}


def title(it: RecipeDiff) -> str:
    """The recipe, and what became of its file."""
    if not it.was:
        return f"{it.name} (new)"
    if not it.name:
        return f"{it.was} (removed)"
    return it.name if it.name == it.was else f"{it.was} → {it.name}"


def field_text(change: FieldChange) -> str:
    """`steps 20 → 30`."""
    return f"{change.field} {_value(change.before)} → {_value(change.after)}"


def time_of(runs: Sequence[Rerun]) -> Seconds:
    """Time of all nodes that run; None where that of one is not known."""
    each = [run.seconds for run in runs]
    if any(it is None for it in each):
        return None
    return sum(it[0] for it in each if it), sum(it[1] for it in each if it)


def run_words(it: RecipeDiff) -> str:
    """How many nodes run, and for how long."""
    runs = it.runs
    if not runs:
        return "nothing runs"
    time = time_of(runs)
    about = f"about {interval(time)}" if time is not None else "time not known yet"
    return f"{len(runs)} {'node runs' if len(runs) == 1 else 'nodes run'}, {about}"


def _value(value: Json) -> str:
    return shortened(printable("none" if value is None else shown(value)), _LONGEST)


def _lines(it: RecipeDiff, before: str, after: str, width: int) -> Iterator[str]:
    yield f"{paint(title(it), 'bold')}  {paint(f'{before} → {after}', 'dim')}"
    for problem in it.problems:
        yield f"  {paint('!', 'red')} {before} is not valid: {problem.line()}"
    for node in it.nodes:
        yield from _node_lines(node, width)
    for cell in it.cells:
        yield f"  {paint(cell[0], 'green' if cell[0] == '+' else 'red')} cell {printable(cell[1:])}"
    for output in it.outputs:
        sign, style = _SIGNS[
            "added" if output.before is None else "removed" if output.after is None else "changed"
        ]
        content = f"{output.before or 'none'} → {output.after or 'none'}"
        yield f"  {paint(sign, style)} output {printable(output.path)}: {content}"
    for problem in it.unknown:
        yield f"  {paint('?', 'yellow')} what runs cannot be told: {problem.line()}"
    if it.after is None:
        return
    yield f"  {run_words(it)}"
    rows = [[rerun.name, rerun.type, interval(rerun.seconds), rerun.reason] for rerun in it.runs]
    if rows:
        yield table(["", "", "", ""], rows, right=(2,), elastic=3, width=width, indent="    ")
    kept = [rerun.name for rerun in it.reruns if rerun.kept]
    if kept:
        yield f"  {paint('another result, kept already:', 'dim')} {', '.join(kept)}"
    if it.stays:
        yield f"  {paint('stays:', 'dim')} {', '.join(it.stays)}"
    for load in downloads(it.after.plan):
        yield f"  {paint('download:', 'dim')} {', '.join(load.roles)} {size(load.nbytes)} from {load.source}"


def _node_lines(node: NodeChange, width: int) -> Iterator[str]:
    sign, style = _SIGNS[node.kind]
    name = f"{node.was} → {node.name}" if node.was else node.name
    where = f" [{', '.join(node.cells)}]" if node.cells else ""
    head = f"  {paint(sign, style)} {paint(name, style)}{printable(where)}  {paint(node.type, 'dim')}"
    if len(node.fields) == 1 and not node.was:
        yield f"{head}  {field_text(node.fields[0])}"
        return
    yield head
    for change in node.fields:
        yield f"      {shortened(field_text(change), width - 6)}"


def _recipe_json(it: RecipeDiff) -> Json:
    return {
        "recipe": it.name or None,
        "was": it.was or None,
        "problems": [problem.line() for problem in it.problems],
        "unknown": [problem.line() for problem in it.unknown],
        "nodes": [
            {
                "node": node.name,
                "change": node.kind,
                "type": node.type,
                "was": node.was or None,
                "cells": list(node.cells),
                "fields": [
                    {"field": change.field, "before": change.before, "after": change.after}
                    for change in node.fields
                ],
            }
            for node in it.nodes
        ],
        "cells": list(it.cells),
        "outputs": [
            {"path": output.path, "before": output.before, "after": output.after} for output in it.outputs
        ],
        "runs": [_rerun_json(rerun) for rerun in it.runs],
        "kept": [_rerun_json(rerun) for rerun in it.reruns if rerun.kept],
        "stays": list(it.stays),
        "seconds": _seconds(time_of(it.runs)),
        "downloads": [load.to_json() for load in downloads(it.after.plan)] if it.after is not None else [],
    }


def _rerun_json(it: Rerun) -> Json:
    return {"node": it.node, "type": it.type, "reason": it.reason, "seconds": _seconds(it.seconds)}


def _seconds(value: Seconds) -> Json:
    return None if value is None else list(value)
