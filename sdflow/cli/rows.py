"""The nodes of a plan as rows: one per node, or one per name where a matrix makes many."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sdflow.cli.tables import printable
from sdflow.graph.build import Graph
from sdflow.graph.plan import Plan, PlannedNode, Seconds, Status

MOST_ROWS = 40
"""Nodes that a table shows one by one, unless more are asked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One node, or all nodes of one name.

    `order` is the place among those that run, 0 for what does not; `counts` says how many have which status.
    """

    name: str
    type: str
    order: int
    counts: Mapping[Status, int]
    out: str
    reason: str
    seconds: Seconds
    key: str = ""

    @property
    def nodes(self) -> int:
        """How many nodes it stands for."""
        return sum(self.counts.values())

    @property
    def runs(self) -> bool:
        """Whether any of them runs."""
        return bool(self.counts.get("run"))


def rows_of(plan: Plan, *, every: bool = False) -> list[Row]:
    """What runs, in its order, then what does not; by name where there are many nodes, unless `every`."""
    places = places_of(plan.graph)
    order = {number: place for place, number in enumerate(plan.order, start=1)}
    numbers = [*plan.order, *(number for number in plan.nodes if number not in order)]
    if every or len(numbers) <= MOST_ROWS:
        return [_row(plan, number, order.get(number, 0), places[number]) for number in numbers]
    groups: dict[str, list[int]] = {}
    for number in numbers:
        groups.setdefault(plan.graph.nodes[number].origins[0].name, []).append(number)
    return [_group(plan, name, found, order) for name, found in groups.items()]


def places_of(graph: Graph) -> Mapping[int, str]:
    """What to call each node: its name, with its cell where only some cells share it."""
    cells: dict[int, list[tuple[str, str]]] = {}
    for place, number in graph.names.items():
        cells.setdefault(number, []).append(place)
    in_all = len({cell for cell, _ in graph.names})
    return {number: _called(found, in_all) for number, found in cells.items()}


def shape(plan: Plan, number: int) -> str:
    """What comes out of a node, by its first port."""
    ports = plan.inferred.get(number)
    if not ports:
        return ""
    return str(next(iter(ports.values())))


def _called(places: Sequence[tuple[str, str]], in_all: int) -> str:
    (cell, name) = places[0]
    names = list(dict.fromkeys(name for _, name in places))
    called = name if len(names) == 1 else " = ".join(names)
    count = len({cell for cell, _ in places})
    if not cell or count == in_all > 1:
        return called
    return f"{called} [{cell}]" if count == 1 else f"{called} [{cell} and {count - 1} more]"


def _row(plan: Plan, number: int, order: int, place: str) -> Row:
    node = plan.nodes[number]
    reason = node.reason if node.status == "run" else node.status
    counts: Mapping[Status, int] = {node.status: 1}
    return Row(
        printable(place),
        node.item.node.name,
        order,
        counts,
        shape(plan, number),
        printable(reason),
        node.seconds,
        node.key,
    )


def _group(plan: Plan, name: str, numbers: Sequence[int], order: Mapping[int, int]) -> Row:
    nodes = [plan.nodes[number] for number in numbers]
    counts = Counter(node.status for node in nodes)
    shapes = list(dict.fromkeys(shape(plan, number) for number in numbers))
    out = shapes[0] if len(shapes) == 1 else f"{shapes[0]} and other"
    first = min((order[number] for number in numbers if number in order), default=0)
    return Row(name, nodes[0].item.node.name, first, counts, out, _reasons(nodes), total_seconds(nodes))


def _reasons(nodes: Sequence[PlannedNode]) -> str:
    """The most frequent reason of those that run, and how many others there are."""
    reasons = Counter(printable(node.reason) for node in nodes if node.status == "run")
    if not reasons:
        return nodes[0].status
    ((reason, _),) = reasons.most_common(1)
    others = len(reasons) - 1
    return f"{reason}; {others} other {'reason' if others == 1 else 'reasons'}" if others else reason


def total_seconds(nodes: Sequence[PlannedNode]) -> Seconds:
    """Time of those that run, together; None when one is not known or none runs."""
    each = [node.seconds for node in nodes if node.status == "run"]
    if not each or any(seconds is None for seconds in each):
        return None
    return sum(it[0] for it in each if it), sum(it[1] for it in each if it)
