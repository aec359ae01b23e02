"""What a node says, as plain data, and what differs between two nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sdflow.composition import Json
from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.field_kinds import parts_json, to_json, wired_fields


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of a node, as recipes write it, before and after; None is also what is not there."""

    field: str
    before: Json
    after: Json


def said(
    item: GraphNode, graph: Graph, cell: str, called: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Json]:
    """All fields of a node with defaults filled in, and for inputs what feeds them: `$noise`.

    `called` gives other names to nodes than those of the graph.
    """
    node = item.node
    wired = set(wired_fields(type(node)))
    fields = {
        name.rstrip("_").replace("_", "-"): to_json(getattr(node, name))
        for name in type(node).model_fields
        if name not in wired
    }
    fields |= _flat(parts_json(node))
    names = {number: name for (label, name), number in graph.names.items() if label == cell}
    for path, wire in node.wires():
        first = next(iter(type(graph.nodes[wire.node].node).outputs))
        port = "" if wire.port == first else f".{wire.port}"
        source = names.get(wire.node, graph.nodes[wire.node].origins[0].name)
        fields[".".join(map(str, path)).replace("_", "-")] = f"${called.get(source, source)}{port}"
    return fields


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[FieldChange, ...]:
    """The fields that are not the same, in the order of the second."""
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*after, *before))
        if before.get(name) != after.get(name)
    )


def _flat(parts: Json, path: str = "") -> dict[str, Json]:
    """What parts of a node say, by dotted paths: `control.0.weight`."""
    items = (
        parts.items() if isinstance(parts, dict) else enumerate(parts) if isinstance(parts, list) else None
    )
    if items is None:
        return {path: parts}
    found: dict[str, Json] = {}
    for name, value in items:
        found |= _flat(value, f"{path}.{name}" if path else str(name))
    return found
