"""A recipe with its parameters filled in and its matrix expanded: what the graph is built from.

Plain data. The recipe room makes it out of text; the graph room knows nothing of where it came from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from sdflow.problems import Marks, Position


@dataclass(frozen=True, slots=True)
class Ref:
    """`$node` or `$node.port`: the output of another node, as the whole value of a field."""

    node: str
    port: str | None = None

    def __str__(self) -> str:
        return f"${self.node}" if self.port is None else f"${self.node}.{self.port}"


FieldValue: TypeAlias = "bool | int | float | str | Ref | list[FieldValue] | dict[str, FieldValue] | None"
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node of one cell, as written, with parameters substituted. `fields` leaves out `type`."""

    name: str
    type: str
    fields: Mapping[str, FieldValue]
    marks: Marks


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output file of one cell.

    `path` is relative to the output folder, with everything filled in but `{index}` (or `{index:03d}`), which
    stands for the picture's place in its batch; braces that are part of the name are doubled, `{{`.
    """

    path: str
    ref: Ref
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A param says of what kind the output is that it stands for, such as `Image`.

    `node` is the one that gives the output to the param of another recipe; empty for what is its default.
    """

    param: str
    ref: Ref
    kind: str
    position: Position | None = None
    node: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of the matrix; a recipe without a matrix has a single cell with an empty label."""

    label: str
    params: Mapping[str, Json]
    nodes: tuple[NodeSpec, ...]
    outputs: tuple[OutputSpec, ...]
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class UsedRecipe:
    """A recipe that a node of another one uses: its name from the folder of the outermost one, and its file.

    `digest` is the sha256 of its bytes, `sha256:…`.
    """

    name: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Composition:
    """All cells of one recipe.

    `file` is how messages call the recipe, `base` the folder that its relative paths start from, `identity`
    what the index of runs knows the recipe by. `resolved` is the recipe as it would be written; `alone` is the
    same with the nodes of the recipes that it uses in their place, so that it needs no other file. `uses` are those,
    and `ports` says what the outputs of the nodes that stand for them lead to.
    """

    name: str
    file: str
    base: Path
    identity: str
    cells: tuple[Cell, ...]
    resolved: Mapping[str, Json] = field(default_factory=dict)
    alone: Mapping[str, Json] = field(default_factory=dict)
    uses: tuple[UsedRecipe, ...] = ()
    ports: Mapping[str, Mapping[str, Ref]] = field(default_factory=dict)

    def port(self, node: str, port: str | None) -> Ref:
        """The output that a node and a port mean; of a node that stands for a recipe, the one inside.

        Raises:
            KeyError: the recipe has no such output.
        """
        inside = self.ports.get(node)
        if not inside:
            return Ref(node, port)
        return inside[next(iter(inside)) if port is None else port]
