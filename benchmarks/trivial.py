"""Node types that do next to nothing, and large graphs of them: what is left is the time that planning takes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import Field

from sdflow.composition import Cell, Composition, FieldValue, NodeSpec, OutputSpec, Ref
from sdflow.graph.facts import Facts
from sdflow.graph.node import Node
from sdflow.graph.registry import Registry
from sdflow.graph.wire import Input
from sdflow.problems import Position
from sdflow.values import Image, ImageSpec

Fields: TypeAlias = dict[str, dict[str, Any]]
"""Nodes as they stand in a recipe."""


class Make(Node, type="make", version=1):
    """A number."""

    outputs = {"image": "Image"}

    value: int = Field(1, ge=0)
    scale: float = 1.0

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}


class Add(Node, type="add", version=1):
    """The sum of numbers."""

    outputs = {"image": "Image"}
    lane = "device"
    numeric = True

    of: tuple[Input[Image], ...] = Field(min_length=1)
    plus: int = Field(0, ge=0)
    scale: float = 1.0

    def infer(self, facts: Facts, of: tuple[ImageSpec, ...]) -> Mapping[str, ImageSpec]:
        return {"image": of[0]}


TRIVIAL = Registry((Make, Add))


def chain(nodes: int) -> Fields:
    """`n0 → n1 → n2 → …`."""
    made: Fields = {"n0": {"type": "make"}}
    for number in range(1, nodes):
        made[f"n{number}"] = {"type": "add", "of": [f"$n{number - 1}"], "plus": number}
    return made


def ladder(nodes: int) -> Fields:
    """Rungs of two nodes, each of which takes both nodes of the rung before.

    There are 2ⁿ ways through n rungs, so that whatever follows each of them never ends.
    """
    made: Fields = {"n0": {"type": "make", "value": 0}, "n1": {"type": "make", "value": 1}}
    for number in range(2, nodes):
        rung = number // 2 * 2
        made[f"n{number}"] = {"type": "add", "of": [f"$n{rung - 2}", f"$n{rung - 1}"], "plus": number}
    return made


def ends(fields: Fields) -> list[str]:
    """The nodes that feed no other: what a recipe would write to files."""
    feeding = {name for node in fields.values() for name in node.get("of", ())}
    return [name for name in fields if f"${name}" not in feeding]


def composed(fields: Fields) -> Composition:
    """A recipe of one cell."""
    specs = tuple(
        NodeSpec(
            name,
            str(node["type"]),
            {key: _written(value) for key, value in node.items() if key != "type"},
            NoPlaces(),
        )
        for name, node in fields.items()
    )
    outputs = tuple(OutputSpec(f"{name}.png", Ref(name)) for name in ends(fields))
    return Composition("benchmark", "", Path(), "benchmark", (Cell("", {}, specs, outputs),))


class NoPlaces:
    """The marks of a recipe that was never a text."""

    def at(self, path: object, *, key: bool = False) -> Position | None:
        return None


def _written(value: object) -> FieldValue:
    if isinstance(value, str) and value.startswith("$"):
        return Ref(value[1:])
    if isinstance(value, list):
        return [_written(item) for item in value]
    if isinstance(value, int | float | str):
        return value
    raise TypeError(value)
