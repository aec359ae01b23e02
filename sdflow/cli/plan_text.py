"""A plan in words, for people and (as JSON) for programs."""

import json
from collections.abc import Iterator, Sequence

from sdflow.cli.plan_facts import Download, Source, downloads, loads, prompts, sources
from sdflow.cli.profile_text import effects, effects_json
from sdflow.cli.rows import Row, places_of, rows_of
from sdflow.cli.tables import paint, printable, table, terminal_width, width_of
from sdflow.cli.units import interval, size
from sdflow.composition import Json
from sdflow.graph.chance import drawn
from sdflow.graph.outputs import has_index
from sdflow.graph.plan import Plan
from sdflow.values import ImageSpec
from sdflow.workflow import Prepared

_MOST_LINES = 6
_LEAST_REASON = 18
"""Columns that a reason should have; where it would get fewer, the types and then the shapes are left out."""


_TYPE, _OUT, _TIME, _REASON = 2, 3, 4, 5


def plan_text(prepared: Prepared, *, verbose: bool, width: int | None = None) -> str:
    """A table of the nodes, then the totals. `verbose` shows every node of a matrix, and keys."""
    plan = prepared.plan
    width = width or terminal_width()
    rows = rows_of(plan, every=verbose)
    title = f"{paint(prepared.composition.file, 'bold')} on {prepared.facts.device.name}"
    parts = [title, "", _nodes(rows, width, verbose=verbose), "", *_totals(prepared, width)]
    return "\n".join(parts)


def _nodes(rows: Sequence[Row], width: int, *, verbose: bool) -> str:
    grouped = any(row.nodes > 1 for row in rows)
    head = ["", "node", "type", "out", "time", "runs" if grouped else "why"]
    lines = [_line(row, grouped=grouped) for row in rows]
    if verbose:
        head.append("key")
        lines = [[*line, paint(row.key[:12], "dim")] for line, row in zip(lines, rows, strict=True)]
    for column in (_TYPE, _OUT):
        widths = [max(width_of(line[at]) for line in [head, *lines]) for at in range(len(head))]
        taken = sum(it + 2 for at, it in enumerate(widths) if it and at != _REASON)
        if width - taken >= min(widths[_REASON], _LEAST_REASON):
            break
        for line in [head, *lines]:
            line[column] = ""
    kept = [at for at in range(len(head)) if at == 0 or any(line[at] for line in [head, *lines])]
    shown = [[line[at] for at in kept] for line in lines]
    return table(
        [head[at] for at in kept],
        shown,
        right=(0, kept.index(_TIME)),
        elastic=kept.index(_REASON),
        width=width,
    )


def _line(row: Row, *, grouped: bool) -> list[str]:
    name = f"{row.name} ×{row.nodes}" if row.nodes > 1 else row.name
    why = row.reason
    if grouped and (row.nodes > 1 or row.runs):
        counts = ", ".join(f"{count} {status}" for status, count in row.counts.items())
        why = f"{counts}: {row.reason}" if row.runs else counts
    if row.runs:
        time = interval(row.seconds)
        return [str(row.order), paint(name, "cyan"), row.type, row.out, time, why]
    return [paint(cell, "dim") for cell in ("·", name, row.type, row.out, "", why)]


def _totals(prepared: Prepared, width: int) -> Iterator[str]:
    plan = prepared.plan
    cached = sum(node.status == "cached" for node in plan.nodes.values())
    facts: list[tuple[str, str]] = [("run", _run_total(plan, cached))]
    if plan.simulation.peak_bytes:
        facts.append(("memory", _memory(prepared)))
    facts += [("profile", printable(text)) for text in effects(prepared)]
    loaded = [f"{it.role} {size(it.nbytes)}{f' ×{it.times}' if it.times > 1 else ''}" for it in loads(plan)]
    facts += [("load", text) for text in _folded(loaded, width)]
    facts += [("download", _download(it)) for it in downloads(plan)]
    facts += [("model", _source(source)) for source in sources(plan)]
    facts += [("prompt", text) for text in _prompts(prepared)]
    facts += [
        ("seed", f"{node}: {value}, drawn now")
        for node, fields in drawn(plan).items()
        for value in fields.values()
    ]
    facts += [("write", text) for text in _files(plan)]
    before = ""
    for label, text in facts:
        shown = "" if label == before else label
        yield f"{paint(shown.ljust(9), 'dim')} {text}"
        before = label


def _run_total(plan: Plan, cached: int) -> str:
    stored = sum(node.status != "described" for node in plan.nodes.values())
    if not plan.order:
        return (
            f"nothing: all {stored} nodes are cached"
            if stored == cached
            else "nothing: what is asked for is kept"
        )
    time = plan.seconds
    unknown = sum(plan.nodes[number].seconds is None for number in plan.order)
    if time is not None:
        about = f"about {interval(time)}"
    else:
        known = [it for number in plan.order if (it := plan.nodes[number].seconds)]
        more = f"{interval((sum(it[0] for it in known), sum(it[1] for it in known)))} and " if known else ""
        about = f"{more}{unknown} {'node' if unknown == 1 else 'nodes'} of unknown time"
    return f"{len(plan.order)} of {stored} nodes, {cached} cached; {about}"


def _memory(prepared: Prepared) -> str:
    peak, there = prepared.plan.simulation.peak_bytes, prepared.facts.device.memory_bytes
    text = f"{size(peak)} at most, of {size(there)}" if there else f"{size(peak)} at most"
    return paint(f"{text}: this may not fit", "yellow") if there and peak > there else text


def _download(it: Download) -> str:
    commit = f" at {it.commit[:12]}" if it.commit else ""
    return f"{', '.join(it.roles)} {size(it.nbytes)} from {it.source}{commit}"


def _source(source: Source) -> str:
    commit = f" at {source.commit[:12]}" if source.commit else ""
    return f"{source.node}: {source.source}{commit} ({', '.join(source.roles)})"


def _prompts(prepared: Prepared) -> list[str]:
    """A line for every node with prompts, each text once."""
    by_node: dict[str, dict[str, None]] = {}
    for node, it in prompts(prepared):
        tokens = f"{it['tokens']} token{'' if it['tokens'] == 1 else 's'}"
        chunks = f" in {it['chunks']} chunks" if it["chunks"] != 1 else ""
        cut = f", cut at: {printable(str(it['cut']))}" if it["cut"] is not None else ""
        by_node.setdefault(node, {})[f"{it['field']} {tokens}{chunks}{cut}"] = None
    return _some([f"{node}: {', '.join(lines)}" for node, lines in by_node.items()])


def _files(plan: Plan) -> list[str]:
    files = []
    for output in plan.outputs:
        planned = plan.inferred[output.wire.node][output.wire.port]
        batch = planned.batch if isinstance(planned, ImageSpec) else 1
        files.append(f"{output.path} ×{batch}" if batch > 1 and has_index(output.path) else output.path)
    return _some(files)


def _some(lines: list[str]) -> list[str]:
    """The first of many lines, and how many more there are."""
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[: _MOST_LINES - 1], f"and {len(lines) - _MOST_LINES + 1} more"]


def _folded(words: Sequence[str], width: int) -> list[str]:
    """Words in as many lines as they need."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) + 12 < width:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return lines


def plan_json(prepared: Prepared) -> str:
    """Everything that `plan_text` says, and keys, as one JSON document."""
    plan = prepared.plan
    document: dict[str, Json] = {
        "recipe": prepared.composition.file,
        "device": prepared.facts.device.name,
        "profile": effects_json(prepared),
        "nodes": _json_nodes(plan),
        "order": [places_of(plan.graph)[number] for number in plan.order],
        "seconds": list(plan.seconds) if plan.seconds else None,
        "peak_bytes": plan.simulation.peak_bytes,
        "loaded_bytes": plan.simulation.loaded_bytes,
        "loads": [{"component": it.role, "bytes": it.nbytes, "times": it.times} for it in loads(plan)],
        "downloads": [it.to_json() for it in downloads(plan)],
        "models": [
            {"node": it.node, "source": it.source, "commit": it.commit or None, "components": list(it.roles)}
            for it in sources(plan)
        ],
        "prompts": [{"node": node, **note} for node, note in prompts(prepared)],
        "drawn": {node: dict(fields) for node, fields in drawn(plan).items()},
        "outputs": [
            {
                "path": output.path,
                "node": plan.graph.nodes[output.wire.node].origins[0].name,
                "port": output.wire.port,
                "cell": output.cell,
            }
            for output in plan.outputs
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _json_nodes(plan: Plan) -> list[Json]:
    order = {number: place for place, number in enumerate(plan.order, start=1)}
    places: dict[int, list[Json]] = {}
    for (cell, name), number in plan.graph.names.items():
        places.setdefault(number, []).append({"cell": cell, "node": name})
    return [
        {
            "node": node.item.origins[0].name,
            "places": places[number],
            "type": node.item.node.name,
            "status": node.status,
            "reason": node.reason or None,
            "order": order.get(number),
            "key": node.key or None,
            "out": {
                port: str(value)
                for port, value in plan.inferred[number].items()
                if not hasattr(value, "family")
            },
            "seconds": list(node.seconds) if node.seconds else None,
            "components": [part.role for part in node.components],
        }
        for number, node in plan.nodes.items()
    ]
