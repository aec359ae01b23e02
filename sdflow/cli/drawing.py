"""What there is to draw of a graph: one box per name in the recipe, and the files that are written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdflow.cli.tables import printable
from sdflow.graph.build import Graph
from sdflow.graph.plan import Plan

BoxStatus: TypeAlias = Literal["", "run", "cached", "some run", "failed", "output"]


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or all nodes of one name in a matrix, or (with status `output`) a file."""

    title: str
    subtitle: str = ""
    status: BoxStatus = ""
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A wire between boxes, by their numbers; `port` is empty for the first output."""

    source: int
    target: int
    port: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes in an order in which each comes after those that feed it, and the wires between them."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]

    def sources(self, number: int) -> list[Edge]:
        """The wires into a box."""
        return [edge for edge in self.edges if edge.target == number]


def statuses_of(plan: Plan) -> dict[int, str]:
    """What would become of each node of a plan, by its number."""
    return {number: node.status for number, node in plan.nodes.items()}


def drawing_of(graph: Graph, statuses: Mapping[int, str] | None = None) -> Drawing:
    """The boxes of a graph, coloured by what becomes of nodes: `run`, `failed`, `cached`; by nothing else."""
    group_of: dict[int, str] = {}
    groups: dict[str, list[int]] = {}
    for item in graph.nodes:
        name = item.origins[0].name
        group_of[item.id] = name
        groups.setdefault(name, []).append(item.id)
    number_of = {name: place for place, name in enumerate(groups)}
    boxes = [_box(graph, name, numbers, statuses or {}) for name, numbers in groups.items()]
    edges: dict[Edge, None] = {}
    for item in graph.nodes:
        for _, wire in item.inputs:
            first = next(iter(graph.nodes[wire.node].node.outputs))
            source, target = number_of[group_of[wire.node]], number_of[group_of[item.id]]
            if source != target:
                edges[Edge(source, target, "" if wire.port == first else wire.port)] = None
    for name, paths in _files(graph, group_of).items():
        edges[Edge(number_of[name], len(boxes))] = None
        title = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        boxes.append(Box(title, "", "output", "\n".join(paths[:20])))
    return _in_order(Drawing(tuple(boxes), tuple(edges)))


def _box(graph: Graph, name: str, numbers: list[int], statuses: Mapping[int, str]) -> Box:
    node = graph.nodes[numbers[0]].node
    title = f"{name} ×{len(numbers)}" if len(numbers) > 1 else name
    fields = {key: value for key, value in node.key_fields().items() if value not in (None, "", [])}
    tooltip = (
        "\n".join(f"{key}: {_short(value)}" for key, value in fields.items()) if len(numbers) == 1 else ""
    )
    return Box(title, node.name, _status(numbers, statuses), tooltip)


def _status(numbers: Iterable[int], statuses: Mapping[int, str]) -> BoxStatus:
    found = {statuses[number] for number in numbers if number in statuses}
    if "failed" in found:
        return "failed"
    if "run" in found:
        return "run" if found == {"run"} else "some run"
    return "cached" if found else ""


def _files(graph: Graph, group_of: Mapping[int, str]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for output in graph.outputs:
        files.setdefault(group_of[output.wire.node], []).append(output.path)
    return files


def _in_order(drawing: Drawing) -> Drawing:
    """Boxes renumbered so that each comes after those that feed it, else as they were."""
    waiting = {place: {edge.source for edge in drawing.sources(place)} for place in range(len(drawing.boxes))}
    order: list[int] = []
    while waiting:
        # A name can come before and after another one in different cells; then any order is as good.
        place = next(
            (it for it, sources in waiting.items() if not sources & waiting.keys()), next(iter(waiting))
        )
        order.append(place)
        del waiting[place]
    new = {old: place for place, old in enumerate(order)}
    edges = (Edge(new[edge.source], new[edge.target], edge.port) for edge in drawing.edges)
    return Drawing(tuple(drawing.boxes[old] for old in order), tuple(edges))


def _short(value: object) -> str:
    text = printable(str(value))
    return text if len(text) <= 80 else f"{text[:79]}…"  # noqa: PLR2004 - a line of a tooltip
