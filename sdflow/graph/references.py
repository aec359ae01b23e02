"""References between the nodes of one cell: where they are, and an order that respects them."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sdflow.composition import FieldValue, NodeSpec, Ref
from sdflow.graph.field_kinds import Path
from sdflow.problems import Problem

References: TypeAlias = tuple[tuple[Path, Ref], ...]


def references(spec: NodeSpec) -> Iterator[tuple[Path, Ref]]:
    """Every reference in a node's fields, with its path."""
    for name, value in spec.fields.items():
        if isinstance(value, Ref):  # most of them; no generator inside a generator for these
            yield (name,), value
        elif isinstance(value, list | dict):
            yield from _inner((name,), value)


def _inner(path: Path, value: FieldValue) -> Iterator[tuple[Path, Ref]]:
    if isinstance(value, Ref):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inner((*path, index), item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _inner((*path, key), item)


@dataclass(frozen=True, slots=True)
class Ordered:
    """Names, each after those it refers to; circles; and all names that could not be ordered because of them."""

    names: tuple[str, ...]
    circles: tuple[tuple[str, ...], ...]
    stuck: tuple[str, ...]


def in_order(found: Mapping[str, References]) -> Ordered:
    """Order the nodes of a cell by their references; those to nodes that do not exist are passed over.

    Kahn's algorithm; time proportional to nodes and references.
    """
    waiting = {name: {ref.node for _, ref in refs if ref.node in found} for name, refs in found.items()}
    followers: dict[str, list[str]] = {name: [] for name in found}
    for name, needed in waiting.items():
        for other in needed:
            followers[other].append(name)
    missing = {name: len(needed) for name, needed in waiting.items()}
    ready = deque(name for name, count in missing.items() if count == 0)
    names: list[str] = []
    while ready:
        name = ready.popleft()
        names.append(name)
        for follower in followers[name]:
            missing[follower] -= 1
            if missing[follower] == 0:
                ready.append(follower)
    done = set(names)
    stuck = tuple(name for name in found if name not in done)
    return Ordered(tuple(names), _circles(stuck, waiting, done), stuck)


def _circles(
    stuck: tuple[str, ...], waiting: Mapping[str, set[str]], done: set[str]
) -> tuple[tuple[str, ...], ...]:
    """Circles among nodes that all wait for another one of them; each is found once."""
    circles: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for start in stuck:
        walk: dict[str, int] = {}
        name = start
        while name not in seen and name not in walk:
            walk[name] = len(walk)
            name = min(waiting[name] - done)
        if name in walk:
            circles.append(tuple(walk)[walk[name] :])
        seen |= walk.keys()
    return tuple(circles)


def circle_problem(circle: tuple[str, ...], specs: Mapping[str, NodeSpec]) -> Problem:
    """Says the circle, at the reference that leads into it."""
    first, second = circle[0], circle[1 % len(circle)]
    path = next((path for path, ref in references(specs[first]) if ref.node == second), ())
    shown = " → ".join((*circle, first))
    return Problem("SDF208", f"these nodes wait for each other: {shown}", specs[first].marks.at(path), first)
