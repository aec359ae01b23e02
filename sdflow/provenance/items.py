"""Which item of which batches an item of a result was made from."""

from collections.abc import Iterator, Mapping
from typing import cast

from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.infer import Inferred
from sdflow.graph.wire import Wire

_SELECTIONS = frozenset({"select-images", "select-latents"})
_STACKS = frozenset({"batch-images", "batch-latents"})
_ONE_OF_THEM = "preview"
"""Its items are states of one item of the batch."""


def items_of(graph: Graph, inferred: Inferred, start: int, index: int) -> Mapping[int, int]:
    """The node and all that feeds item `index` of its result, nearest first, each with the number of the item there.

    Of a stack of batches only the one is followed that the item comes from.
    """
    found = {start: index}
    wave = [start]
    while wave:
        following: dict[int, int] = {}
        for number in wave:
            for wire, item in items_before(graph.nodes[number], inferred, found[number]):
                if wire.node not in found:
                    following.setdefault(wire.node, item)
        found.update(following)
        wave = list(following)
    return found


def items_before(item: GraphNode, inferred: Inferred, index: int) -> Iterator[tuple[Wire, int]]:
    """The inputs that item `index` of a node's result was made from, each with the number of the item there."""
    wires = [wire for _, wire in item.inputs]
    if item.node.name in _SELECTIONS:
        chosen = cast("list[int]", item.node.key_fields()["items"])
        index = chosen[index % len(chosen)]
    elif item.node.name in _STACKS:
        for wire in wires:
            count = int(getattr(inferred[wire.node][wire.port], "batch", 1))
            if index < count:
                yield wire, index
                return
            index -= count
        return
    elif item.node.name == _ONE_OF_THEM:
        index = cast("int", item.node.key_fields()["item"])
    for wire in wires:
        yield wire, index
