"""Nodes with their params filled in, one list per cell.

A node is built once for all cells in which the params it refers to have the same values: those cells share one
`NodeSpec`, the same object. A node that refers to no param of the matrix is one object in all cells, so that 300 cells
of 10 nodes that differ in a seed hold a few hundred nodes and not 3,000. The graph room goes by that identity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sdflow.composition import FieldValue, Json, NodeSpec
from sdflow.problems import Marks, Position, Problem, nearest
from sdflow.recipe.filling import substituted
from sdflow.recipe.findings import Findings
from sdflow.recipe.matrix import canonical
from sdflow.recipe.overrides import OverriddenMarks, Overrides
from sdflow.recipe.reading import RecipeFile
from sdflow.recipe.references import BadReferenceError, ParamRef, read_text
from sdflow.recipe.values import unknown_param

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class NodeTemplate:
    """A node whose references are read but whose params are not yet filled in.

    `holes` are the fields that hold a param somewhere; `params` names those params.
    """

    spec: NodeSpec
    holes: Mapping[str, object]
    params: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeTemplates:
    """All nodes, what is wrong in them, and the places of values that cannot be known because of that."""

    nodes: tuple[NodeTemplate, ...]
    problems: tuple[Problem, ...]
    unknown_at: frozenset[Position]


def read_nodes(recipe: RecipeFile, overrides: Overrides) -> NodeTemplates:
    """Read the references of all nodes."""
    problems = Findings()
    unknown_at: set[Position] = set()
    nodes: list[NodeTemplate] = []
    for name, written in overrides.nodes.items():
        marks: Marks = recipe.marks.part("nodes", name)
        places = overrides.places.get(name)
        reader = _Reader(recipe, OverriddenMarks(marks, places) if places else marks, problems, unknown_at)
        nodes.append(reader.node(name, written))
    return NodeTemplates(tuple(nodes), tuple(problems), frozenset(unknown_at))


@dataclass(slots=True)
class _Reader:
    """Reads one node. `holes` counts the references to params found so far."""

    recipe: RecipeFile
    marks: Marks
    problems: list[Problem]
    unknown_at: set[Position]
    params: dict[str, None] = field(default_factory=dict)
    holes: int = 0

    def node(self, name: str, written: dict[str, Any]) -> NodeTemplate:
        """The node with its references read."""
        fields: dict[str, FieldValue] = {}
        holes: dict[str, object] = {}
        for key, value in written.items():
            if value.__class__ is str and value[:1] != "$":
                fields[key] = value  # most fields are a number or a plain text, and done
            elif isinstance(value, str | list | dict):
                before = self.holes
                read = self.value(value, (key,))
                fields[key] = read  # type: ignore[assignment]  # where it has holes, filled in for each cell
                if self.holes > before:
                    holes[key] = read
            else:
                fields[key] = value
        fields.pop("type", None)
        holes.pop("type", None)
        kind = written.get("type")
        spec = NodeSpec(name, kind if isinstance(kind, str) else "", fields, self.marks)
        return NodeTemplate(spec, holes, tuple(self.params))

    def value(self, value: object, path: _Path) -> object:
        """The value with the references in it read; None in place of what is wrong."""
        if isinstance(value, str):
            return self.text(value, path)
        if isinstance(value, list):
            return [self.value(item, (*path, place)) for place, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        return value

    def text(self, text: str, path: _Path) -> object:
        """A text as a reference, a hole or itself."""
        if text[:1] != "$":
            return text
        problem = None
        try:
            read = read_text(text)
        except BadReferenceError as error:
            problem = Problem("SDF130", str(error), self.marks.at(path), hint=error.hint)
        else:
            if not isinstance(read, ParamRef):
                return read
            if read.name in self.recipe.recipe.params:
                self.params[read.name] = None
                self.holes += 1
                return read
            problem = self.unknown_param(read.name, path)
        position = self.marks.at(path)
        if position is not None:
            self.unknown_at.add(position)
        if problem is not None:
            self.problems.append(problem)
        return None

    def unknown_param(self, name: str, path: _Path) -> Problem | None:
        """What is wrong with `$params.name`."""
        problem = unknown_param(name, self.recipe, self.marks.at(path))
        if (
            problem is not None
            and name in self.recipe.recipe.nodes
            and nearest(name, self.recipe.recipe.params) is None
        ):
            return replace(problem, hint=f"`${name}` is the node of that name")
        return problem


def fill_cells(
    templates: Sequence[NodeTemplate], cells: Sequence[Mapping[str, Json]], varying: frozenset[str]
) -> list[tuple[NodeSpec, ...]]:
    """The nodes of every cell; `cells` are the params of each, `varying` the params that the matrix sets."""
    if not cells:
        return []
    first = [_filled(template, cells[0]) for template in templates]
    changing = [(place, _own(template, varying)) for place, template in enumerate(templates)]
    changing = [(place, names) for place, names in changing if names]
    built: dict[tuple[int, tuple[int, ...]], NodeSpec] = {}
    numbers = _value_numbers(cells, varying)
    result: list[tuple[NodeSpec, ...]] = []
    for cell, number in zip(cells, numbers, strict=True):
        nodes = first.copy()
        for place, names in changing:
            key = (place, tuple(number[name] for name in names))
            spec = built.get(key)
            if spec is None:
                spec = built[key] = _filled(templates[place], cell)
            nodes[place] = spec
        result.append(tuple(nodes))
    return result


def _own(template: NodeTemplate, varying: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in template.params if name in varying)


def _value_numbers(cells: Sequence[Mapping[str, Json]], varying: frozenset[str]) -> list[dict[str, int]]:
    """For every cell, a number per varying param; equal numbers are equal values."""
    seen: dict[str, dict[str, int]] = {name: {} for name in varying}
    return [
        {name: seen[name].setdefault(canonical(cell.get(name)), len(seen[name])) for name in varying}
        for cell in cells
    ]


def _filled(template: NodeTemplate, params: Mapping[str, Json]) -> NodeSpec:
    spec = template.spec
    if not template.holes:
        return spec
    fields = {**spec.fields, **{key: substituted(value, params) for key, value in template.holes.items()}}
    return NodeSpec(spec.name, spec.type, fields, spec.marks)
