"""What is looked at: the graph of a recipe, and what was found out about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.infer import Inferred
from sdflow.graph.node import Node
from sdflow.problems import Position, Problem
from sdflow.values import Model

N = TypeVar("N", bound=Node)


@dataclass(frozen=True, slots=True)
class Subject:
    """A recipe's graph; `inferred` is empty where its models are not on this disk.

    `unused` are params that nothing refers to, with the places of their names. Relative paths start from `base`.
    """

    graph: Graph
    inferred: Inferred
    unused: Mapping[str, Position | None]
    base: Path

    def nodes(self, kind: type[N]) -> Iterator[tuple[GraphNode, N]]:
        """The nodes of a type."""
        for item in self.graph.nodes:
            if isinstance(item.node, kind):
                yield item, item.node

    def model_of(self, item: GraphNode) -> Model | None:
        """The model on a node's input `model`, where it is known."""
        for path, wire in item.inputs:
            value = self.inferred.get(wire.node, {}).get(wire.port) if path == ("model",) else None
            if isinstance(value, Model):
                return value
        return None

    def fed_by(self, number: int) -> list[GraphNode]:
        """The nodes that take something from a node directly."""
        return [item for item in self.graph.nodes if any(wire.node == number for _, wire in item.inputs)]


def finding(
    item: GraphNode, path: Sequence[str | int], code: str, message: str, hint: str | None = None
) -> Problem:
    """A problem at a field of a node."""
    origin = item.origins[0]
    return Problem(code, message, origin.at(path), origin.name, hint)
