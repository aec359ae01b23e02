"""The plan: which nodes run and why, in which order, and what it will take. Made before torch is imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from sdflow.composition import Json
from sdflow.device import Device
from sdflow.graph.build import Graph, GraphNode, GraphOutput
from sdflow.graph.facts import Facts
from sdflow.graph.infer import Inferred, planned_inputs
from sdflow.graph.keys import Keyed, make_keys, state_key
from sdflow.graph.merge import Merged, merge_equal_keys
from sdflow.graph.node import Cost
from sdflow.graph.order import Simulation, Task, best_order
from sdflow.graph.reasons import difference
from sdflow.values import Component, Loadable, TrajectorySpec, digest_of_json

Status: TypeAlias = Literal["run", "cached", "described", "not needed"]
Seconds: TypeAlias = "tuple[float, float] | None"


class Kept(Protocol):
    """What planning reads of a record."""

    @property
    def preimage(self) -> Json:
        """What its key was made of."""


class Memory(Protocol):
    """What the plan asks about earlier runs."""

    def keeps(self, key: str) -> bool:
        """Whether the result of a key is there, with everything that belongs to it."""

    def before(self, key: str) -> Kept | None:
        """The record of a key, whether its values are still there or not."""

    def previous(self, cell: str, node: str) -> str | None:
        """The key that a node of this recipe had when it last ran."""

    def seconds(self, node_type: str, scale: str, work: float) -> Seconds:
        """Shortest and longest time that such work took, judged by earlier records."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user may ask of a plan.

    `targets` replaces the outputs by nodes; `refresh` runs everything; `forced` are nodes that run in any case,
    `forced_on` such with everything downstream. `done` are nodes that have just run, and are not forced again.
    """

    targets: tuple[int, ...] = ()
    refresh: bool = False
    forced: frozenset[int] = frozenset()
    forced_on: frozenset[int] = frozenset()
    done: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One node in the plan.

    `states` are the steps of its trajectory that somebody asked for and that are missing; `result_kept` says that
    its other results are there, so that it only has to go as far as the last of those states.
    """

    item: GraphNode
    status: Status
    reason: str
    keyed: Keyed | None
    cost: Cost
    scale: str
    components: tuple[Component, ...]
    seconds: Seconds = None
    states: frozenset[int] = frozenset()
    result_kept: bool = False

    @property
    def key(self) -> str:
        """Its key; empty for a node that is not stored."""
        return self.keyed.key if self.keyed else ""


@dataclass(frozen=True, slots=True)
class Plan:
    """All needed nodes, the order of those that run, and the totals."""

    graph: Graph
    inferred: Inferred
    keys: Mapping[int, Keyed]
    nodes: Mapping[int, PlannedNode]
    order: tuple[int, ...]
    simulation: Simulation
    outputs: tuple[GraphOutput, ...]
    targets: tuple[int, ...]

    @property
    def downloads(self) -> tuple[Component, ...]:
        """Components that have to be downloaded before they can be loaded, or something that lies on them."""
        wanted = (part for number in self.order for part in self.nodes[number].components)
        return tuple({part.digest: part for part in wanted if _is_away(part)}.values())

    @property
    def seconds(self) -> Seconds:
        """Time of all nodes that run; None when one of them is not known."""
        each = [self.nodes[number].seconds for number in self.order]
        if any(interval is None for interval in each):
            return None
        return sum(i[0] for i in each if i), sum(i[1] for i in each if i)


def _is_away(part: Component) -> bool:
    places = (part.location, *(adapter.location for adapter in part.adapters))
    return any(place.folder is None for place in places)


def plan(
    graph: Graph,
    facts: Facts,
    inferred: Inferred,
    memory: Memory,
    choices: Choices,
    *,
    weights: int | None = None,
) -> Plan:
    """Decide what runs. `inferred` must cover all that the targets need; `weights` is their share of memory."""
    keys = make_keys(graph, facts, inferred)
    merged = merge_equal_keys(graph, keys)
    graph = merged.graph
    wanted = choices.targets or [output.wire.node for output in graph.outputs]
    targets = tuple(dict.fromkeys(map(merged.number, wanted)))
    needed = graph.upstream(targets)
    kept = frozenset(number for number in needed if number in keys and memory.keeps(keys[number].key))
    survey = _Survey(graph, inferred, keys, memory, kept, _forced(merged, needed, choices))
    in_order = sorted(needed)
    # What a picture's file must not show is asked for whenever the file is written, also from results that are kept.
    survey.walk_back((*targets, *(number for number in in_order if graph.nodes[number].node.withholds)))
    survey.share_ways()
    nodes: dict[int, PlannedNode] = {}
    tasks: list[Task] = []
    for number in in_order:
        if number in survey.running:
            nodes[number], task = survey.running_node(number, facts.device)
            tasks.append(task)
        else:
            nodes[number] = survey.resting_node(number)
    sequence, simulation = best_order(tasks, facts.device.memory_bytes, weights)
    return Plan(graph, inferred, keys, nodes, sequence, simulation, graph.outputs, targets)


@dataclass(slots=True)
class _Survey:
    """What is known while a plan is made: what is kept, what has to run, and which states are missing."""

    graph: Graph
    inferred: Inferred
    keys: Mapping[int, Keyed]
    memory: Memory
    kept: frozenset[int]
    forced: frozenset[int]
    running: set[int] = field(default_factory=set)
    states: dict[int, set[int]] = field(default_factory=dict)

    def walk_back(self, targets: Sequence[int]) -> None:
        """From the targets to what has to run, and which states of which trajectories are missing."""
        stack = [
            n for n in (*targets, *self.forced) if n in self.keys and (n in self.forced or n not in self.kept)
        ]
        while stack:
            number = stack.pop()
            if number in self.running:
                continue
            self.running.add(number)
            item = self.graph.nodes[number]
            for _, wire in item.inputs:
                planned = self.inferred[wire.node][wire.port]
                if isinstance(planned, TrajectorySpec):
                    missing = self._missing(wire.node, item.node.states_needed(planned))
                    if missing:
                        self.states.setdefault(wire.node, set()).update(missing)
                        stack.append(wire.node)
                elif wire.node in self.keys and wire.node not in self.kept:
                    stack.append(wire.node)

    def share_ways(self) -> None:
        """Of several that go the same way, the one that goes furthest keeps the states at which the others end."""
        ways: dict[str, list[tuple[int, int]]] = {}
        for number in self.running:
            for planned in self.inferred[number].values():
                if isinstance(planned, TrajectorySpec) and number not in self.forced:
                    ways.setdefault(self.keys[number].trajectory, []).append((planned.end, number))
        for way, ends in ways.items():
            *others, (_, furthest) = sorted(ends)
            missing = {end for end, _ in others if not self.memory.keeps(state_key(way, end))}
            if missing:
                self.states.setdefault(furthest, set()).update(missing)

    def _missing(self, source: int, steps: Sequence[int]) -> set[int]:
        way = self.keys[source].trajectory
        return {s for s in steps if source in self.forced or not self.memory.keeps(state_key(way, s))}

    def resting_node(self, number: int) -> PlannedNode:
        """A node that does not run."""
        item = self.graph.nodes[number]
        if number not in self.keys:
            return PlannedNode(item, "described", "", None, Cost(), "", ())
        if number in self.kept:
            return PlannedNode(item, "cached", "cached", self.keys[number], Cost(), "", ())
        reason = "not kept, and nothing that runs needs it"
        return PlannedNode(item, "not needed", reason, self.keys[number], Cost(), "", ())

    def running_node(self, number: int, device: Device) -> tuple[PlannedNode, Task]:
        """A node that runs, and what the order has to know of it."""
        item = self.graph.nodes[number]
        cost = item.node.cost(**planned_inputs(item, self.inferred))
        parts = components_of(item, self.inferred)
        scale = digest_of_json([device.name, *sorted(piece for part in parts for piece in part.pieces)])
        seconds = self.memory.seconds(item.node.name, scale, cost.work)
        kept = number in self.kept and number not in self.forced
        planned = PlannedNode(
            item,
            "run",
            self._reason(item),
            self.keys[number],
            cost,
            scale,
            parts,
            seconds,
            frozenset(self.states.get(number, ())),
            kept,
        )
        after = frozenset(wire.node for _, wire in item.inputs if wire.node in self.running)
        sizes = {piece: size for part in parts if part.dtype for piece, size in part.pieces.items()}
        return planned, Task(number, after, _checkpoint(item, self.inferred), sizes, cost.activations)

    def _reason(self, item: GraphNode) -> str:
        """Why a node runs."""
        if item.id in self.forced:
            return "forced"
        if item.id in self.kept:
            steps = ", ".join(map(str, sorted(self.states[item.id])))
            return f"states after steps {steps} wanted"
        origin = item.origins[0]
        before = self.memory.previous(origin.cell, origin.name)
        if before is None:
            return "new"
        if before == self.keys[item.id].key:
            return "not kept any more"
        record = self.memory.before(before)
        if record is None or not isinstance(record.preimage, dict):
            return "changed since a result that is not kept any more"
        sources = {
            ".".join(map(str, path)).replace("_", "-"): self.graph.nodes[wire.node].origins[0].name
            for path, wire in item.inputs
        }
        return ", ".join(difference(record.preimage, self.keys[item.id].preimage, sources))


def _forced(merged: Merged, needed: frozenset[int], choices: Choices) -> frozenset[int]:
    graph = merged.graph
    stored = {number for number in needed if graph.nodes[number].node.stored}
    if choices.refresh:
        return frozenset(stored - choices.done)
    if not (choices.forced or choices.forced_on):
        return frozenset()
    downstream = set(map(merged.number, choices.forced_on))
    for item in graph.nodes:
        if any(wire.node in downstream for _, wire in item.inputs):
            downstream.add(item.id)
    return frozenset((stored & {*map(merged.number, choices.forced), *downstream}) - choices.done)


def components_of(item: GraphNode, inferred: Inferred) -> tuple[Component, ...]:
    """The components that a node is run with, each once."""
    found: dict[str, Component] = {}
    for loadable in _loadables(item, inferred):
        for role in sorted(item.node.components(loadable) & loadable.components.keys()):
            part = loadable.components[role]
            found[part.digest] = part
    return tuple(found.values())


def _loadables(item: GraphNode, inferred: Inferred) -> list[Loadable]:
    values = (inferred[wire.node][wire.port] for _, wire in item.inputs)
    return [value for value in values if isinstance(value, Loadable)]


def _checkpoint(item: GraphNode, inferred: Inferred) -> str:
    if not components_of(item, inferred):
        return ""
    models = (wire for _, wire in item.inputs if isinstance(inferred[wire.node][wire.port], Loadable))
    return ",".join(sorted(f"{wire.node}" for wire in models))
