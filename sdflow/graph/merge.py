"""Nodes with equal keys are one node: the same weights under two paths, or a prefix that does not feel a difference.

Building merges nodes that are written alike. Some that are written differently still have the same key: with three
VAEs for one UNet there are three models, and a `denoise` of each depends on the same UNet. Computing it once is enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.keys import Keyed
from sdflow.graph.wire import Wire


@dataclass(frozen=True, slots=True)
class Merged:
    """A graph in which every key stands once, and which node stands for which."""

    graph: Graph
    stands_for: Mapping[int, int]

    def number(self, number: int) -> int:
        """The node that stands for a node: itself, mostly."""
        return self.stands_for.get(number, number)


def merge_equal_keys(graph: Graph, keys: Mapping[int, Keyed]) -> Merged:
    """Let the first node of each key stand for all of them.

    Numbers stay; nodes that another one stands for are left in place, with nothing that leads to them.
    """
    first: dict[str, int] = {}
    stands_for = {
        number: other
        for number, keyed in keys.items()
        if (other := first.setdefault(keyed.key, number)) != number
    }
    if not stands_for:
        return Merged(graph, {})

    def led(wire: Wire) -> Wire:
        return replace(wire, node=stands_for[wire.node]) if wire.node in stands_for else wire

    origins = {number: list(graph.nodes[number].origins) for number in set(stands_for.values())}
    for number, other in stands_for.items():
        origins[other] += graph.nodes[number].origins

    def rewired(item: GraphNode) -> GraphNode:
        wires = tuple((path, led(wire)) for path, wire in item.inputs)
        if wires == item.inputs and item.id not in origins:
            return item
        return replace(item, origins=tuple(origins.get(item.id, item.origins)), inputs=wires)

    return Merged(
        replace(
            graph,
            nodes=tuple(map(rewired, graph.nodes)),
            outputs=tuple(replace(output, wire=led(output.wire)) for output in graph.outputs),
            names={place: stands_for.get(number, number) for place, number in graph.names.items()},
        ),
        stands_for,
    )
