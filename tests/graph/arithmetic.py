"""Node types whose results are one-pixel pictures, for tests of the graph that need no model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field

from sdflow.composition import Cell, Composition, FieldValue, NodeSpec, OutputSpec, Ref
from sdflow.device import Device
from sdflow.graph.facts import Facts, FileFacts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.registry import Registry
from sdflow.graph.wire import Input
from sdflow.problems import Position
from sdflow.prompts.vocabulary import Vocabulary
from sdflow.values import AdapterFacts, Component, Image, ImageSpec, Model


def pixel(value: float) -> Image:
    return Image(np.full((1, 1, 1, 3), int(value) % 256, dtype=np.uint8))


class Make(Node, type="make", version=1):
    """A number."""

    outputs = {"image": "Image"}

    value: int = Field(1, ge=0, le=255)
    scale: float = 1.0
    note: str = ""

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}

    def run(self, ctx: RunContext) -> Image:
        return pixel(self.value * self.scale)


class Add(Node, type="add", version=1):
    """The sum of numbers."""

    outputs = {"image": "Image", "double": "Image"}
    lane = "device"
    numeric = True

    of: tuple[Input[Image], ...] = Field(min_length=1)
    plus: int = Field(0, ge=0)
    most: int = 255

    def infer(self, facts: Facts, of: tuple[ImageSpec, ...]) -> Mapping[str, ImageSpec]:
        if self.plus > self.most:
            raise Refusal(f"{self.plus} is more than {self.most}", field="plus")
        return {"image": ImageSpec(1, 1, 1), "double": ImageSpec(1, 1, 1)}

    def cost(self, of: tuple[ImageSpec, ...]) -> Cost:
        return Cost(len(of))

    def run(self, ctx: RunContext, of: tuple[Image, ...]) -> Mapping[str, Image]:
        total = sum(int(image.pixels[0, 0, 0, 0]) for image in of) + self.plus
        return {"image": pixel(total), "double": pixel(2 * total)}


ARITHMETIC = Registry((Make, Add))
CPU = Device("cpu", 0, "test", 2**34)


@dataclass(frozen=True)
class NoMarks:
    """Every node on a line of its own; fields have no places."""

    line: int

    def at(self, path: object, *, key: bool = False) -> Position | None:
        return Position("test.yaml", self.line, 1)


@dataclass(frozen=True)
class NoFacts:
    device: Device = CPU
    files: Mapping[str, FileFacts] = field(default_factory=dict)

    def file(self, path: str) -> FileFacts:
        return self.files[path]

    def model(self, token: str) -> Model:
        raise KeyError(token)

    def adapter(self, token: str) -> AdapterFacts:
        raise KeyError(token)

    def component(self, token: str) -> Component:
        raise KeyError(token)

    def vocabulary(self, tokenizer: Component, added: tuple[str, ...] = ()) -> Vocabulary:
        raise KeyError(tokenizer.role)


def written(value: object) -> FieldValue:
    """Fields as a test writes them: `"$a"` for references."""
    if isinstance(value, str) and value.startswith("$"):
        node, _, port = value[1:].partition(".")
        return Ref(node, port or None)
    if isinstance(value, list):
        return [written(item) for item in value]
    return value  # type: ignore[return-value]  # plain scalars


def cell(nodes: Mapping[str, Mapping[str, object]], outputs: Mapping[str, str], label: str = "") -> Cell:
    specs = tuple(
        NodeSpec(
            name,
            str(fields["type"]),
            {key: written(value) for key, value in fields.items() if key != "type"},
            NoMarks(line),
        )
        for line, (name, fields) in enumerate(nodes.items(), start=1)
    )
    files = []
    for path, target in outputs.items():
        ref = written(target)
        assert isinstance(ref, Ref)
        files.append(OutputSpec(path, ref, Position("test.yaml", 99, 1)))
    return Cell(label, {}, specs, tuple(files))


def composition(*cells: Cell, identity: str = "test") -> Composition:
    return Composition("test", "test.yaml", Path(), identity, cells)


def recipe(nodes: Mapping[str, Mapping[str, object]], outputs: Mapping[str, str]) -> Composition:
    return composition(cell(nodes, outputs))
