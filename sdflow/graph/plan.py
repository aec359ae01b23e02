"""The plan: which nodes run and why, in which order, and what it will take. Made before torch is imported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from sdflow.composition import Json
from sdflow.graph.build import Graph, GraphNode, GraphOutput
from sdflow.graph.facts import Facts
from sdflow.graph.infer import Inferred, planned_inputs
from sdflow.graph.keys import Keyed, make_keys, state_key
from sdflow.graph.node import Cost
from sdflow.graph.order import Simulation, Task, best_order
from sdflow.graph.reasons import difference
from sdflow.values import Component, Model, TrajectorySpec, digest_of_json

Status: TypeAlias = Literal["run", "cached", "described", "not needed"]
Seconds: TypeAlias = "tuple[float, float] | None"


class Kept(Protocol):
    """What planning reads of a record."""

    @property
    def preimage(self) -> Json:
        """What its key was made of."""


class Memory(Protocol):
    """What the plan asks about earlier runs."""

    def find(self, key: str) -> Kept | None:
        """The record of a key, when everything it needs is there."""

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
    `forced_on` such with everything downstream.
    """

    targets: tuple[int, ...] = ()
    refresh: bool = False
    forced: frozenset[int] = frozenset()
    forced_on: frozenset[int] = frozenset()


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
        """Components that have to be downloaded before they can be loaded."""
        wanted = (part for number in self.order for part in self.nodes[number].components)
        return tuple({part.digest: part for part in wanted if part.location.folder is None}.values())

    @property
    def seconds(self) -> Seconds:
        """Time of all nodes that run; None when one of them is not known."""
        each = [self.nodes[number].seconds for number in self.order]
        if any(interval is None for interval in each):
            return None
        return sum(i[0] for i in each if i), sum(i[1] for i in each if i)


def plan(graph: Graph, facts: Facts, inferred: Inferred, memory: Memory, choices: Choices) -> Plan:
    """Decide what runs. `inferred` must cover all that the targets need."""
    targets = choices.targets or tuple(dict.fromkeys(output.wire.node for output in graph.outputs))
    needed = graph.upstream(targets)
    keys = make_keys(graph, facts, inferred)
    forced = _forced(graph, needed, choices)
    kept = {n: memory.find(keys[n].key) for n in sorted(needed) if n in keys}
    running, states = _walk_back(graph, inferred, keys, targets, memory, kept, forced)

    nodes: dict[int, PlannedNode] = {}
    tasks: list[Task] = []
    for number in sorted(needed):
        item = graph.nodes[number]
        status, reason = _status(item, keys, kept, running, forced, states, memory, graph)
        if number not in running:
            nodes[number] = PlannedNode(item, status, reason, keys.get(number), Cost(), "", ())
            continue
        inputs = planned_inputs(item, inferred)
        cost = item.node.cost(**inputs)
        parts = _components(item, inferred)
        scale = digest_of_json([facts.device.name, *sorted(part.digest for part in parts)])
        nodes[number] = PlannedNode(
            item, status, reason, keys[number], cost, scale, parts,
            memory.seconds(item.node.name, scale, cost.work),
            frozenset(states.get(number, ())), number not in forced and kept.get(number) is not None,
        )  # fmt: skip
        after = frozenset(wire.node for _, wire in item.wires() if wire.node in running)
        sizes = {part.digest: part.bytes_as_loaded for part in parts if part.dtype}
        tasks.append(Task(number, after, _checkpoint(item, inferred), sizes, cost.activations))
    sequence, simulation = best_order(tasks, facts.device.memory_bytes)
    return Plan(graph, inferred, keys, nodes, sequence, simulation, graph.outputs, targets)


def _walk_back(
    graph: Graph,
    inferred: Inferred,
    keys: Mapping[int, Keyed],
    targets: Sequence[int],
    memory: Memory,
    kept: Mapping[int, Kept | None],
    forced: frozenset[int],
) -> tuple[set[int], dict[int, set[int]]]:
    """From the targets to what has to run, and which states of which trajectories are missing."""
    running: set[int] = set()
    states: dict[int, set[int]] = {}
    stack = [n for n in (*targets, *forced) if n in keys and (n in forced or kept[n] is None)]
    while stack:
        number = stack.pop()
        if number in running:
            continue
        running.add(number)
        item = graph.nodes[number]
        for _, wire in item.wires():
            planned = inferred[wire.node][wire.port]
            if isinstance(planned, TrajectorySpec):
                steps = item.node.states_needed(planned)
                way = keys[wire.node].trajectory
                missing = {s for s in steps if wire.node in forced or memory.find(state_key(way, s)) is None}
                if missing:
                    states.setdefault(wire.node, set()).update(missing)
                    stack.append(wire.node)
            elif wire.node in keys and kept[wire.node] is None:
                stack.append(wire.node)
    return running, states


def _forced(graph: Graph, needed: frozenset[int], choices: Choices) -> frozenset[int]:
    stored = {number for number in needed if graph.nodes[number].node.stored}
    if choices.refresh:
        return frozenset(stored)
    downstream = set(choices.forced_on)
    for item in graph.nodes:
        if any(wire.node in downstream for _, wire in item.wires()):
            downstream.add(item.id)
    return frozenset(stored & (choices.forced | downstream))


def _status(
    item: GraphNode,
    keys: Mapping[int, Keyed],
    kept: Mapping[int, Kept | None],
    running: set[int],
    forced: frozenset[int],
    states: Mapping[int, set[int]],
    memory: Memory,
    graph: Graph,
) -> tuple[Status, str]:
    if item.id not in keys:
        return "described", ""
    if item.id in running:
        return "run", _reason(item, keys, kept, forced, states, memory, graph)
    if kept[item.id] is not None:
        return "cached", "cached"
    return "not needed", "not kept, and nothing that runs needs it"


def _reason(
    item: GraphNode,
    keys: Mapping[int, Keyed],
    kept: Mapping[int, Kept | None],
    forced: frozenset[int],
    states: Mapping[int, set[int]],
    memory: Memory,
    graph: Graph,
) -> str:
    if item.id in forced:
        return "forced"
    if kept[item.id] is not None:
        steps = ", ".join(map(str, sorted(states[item.id])))
        return f"states after steps {steps} wanted"
    origin = item.origins[0]
    before = memory.previous(origin.cell, origin.name)
    if before is None:
        return "new"
    if before == keys[item.id].key:
        return "not kept any more"
    record = memory.before(before)
    if record is None or not isinstance(record.preimage, dict):
        return "changed since a result that is not kept any more"
    sources = {
        ".".join(map(str, path)).replace("_", "-"): graph.nodes[wire.node].origins[0].name
        for path, wire in item.wires()
    }
    return ", ".join(difference(record.preimage, keys[item.id].preimage, sources))


def _components(item: GraphNode, inferred: Inferred) -> tuple[Component, ...]:
    found: dict[str, Component] = {}
    for model in _models(item, inferred):
        for role in sorted(item.node.components(model)):
            part = model.components[role]
            found[part.digest] = part
    return tuple(found.values())


def _models(item: GraphNode, inferred: Inferred) -> list[Model]:
    values = (inferred[wire.node][wire.port] for _, wire in item.wires())
    return [value for value in values if isinstance(value, Model)]


def _checkpoint(item: GraphNode, inferred: Inferred) -> str:
    if not any(item.node.components(model) for model in _models(item, inferred)):
        return ""
    return ",".join(sorted(f"{wire.node}" for _, wire in item.wires() if wire.kind == "Model"))


