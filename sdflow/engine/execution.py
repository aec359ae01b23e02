"""One plan, carried out on this machine.

Device nodes run one after the other in the plan's order, in the calling thread. Host nodes (reading and working on
pictures) run beside them in a few threads, and so do writing results and output files. A value is dropped when its
last consumer is done.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from threading import Event
from traceback import format_exception
from typing import Any, cast

from sdflow.composition import Json
from sdflow.engine.context import ComponentPool, InterruptedRunError, Running, StoredStates
from sdflow.engine.events import (
    Listener,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeSkipped,
    NodeStarted,
    Warned,
)
from sdflow.engine.memory import PeakMeter, is_out_of_memory
from sdflow.engine.results import Results
from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.facts import Facts
from sdflow.graph.infer import gather
from sdflow.graph.keys import Keyed, make_keys, state_key
from sdflow.graph.node import Node
from sdflow.graph.plan import Plan, PlannedNode
from sdflow.problems import NodeFailedError, UserError
from sdflow.store import LostValueError
from sdflow.values import Model, State, StoredValue, Trajectory, TrajectorySpec

_HOST_THREADS = 2
_MOST_WAITING = 16


@dataclass(slots=True)
class Outcome:
    """How it ended: nodes by what became of them.

    `lost` is a stored value that turned out to be gone, `unexpected` says that some node failed in a way that only a
    mistake in a program explains.
    """

    ran: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    interrupted: bool = False
    lost: LostValueError | None = None
    unexpected: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an execution works with, beside its plan."""

    facts: Facts
    results: Results
    pool: Callable[[], ComponentPool]
    environment: Mapping[str, Json]
    listener: Listener
    stop: Event
    measured: Callable[[PlannedNode, float], None]
    ready: Callable[[int, Mapping[int, Keyed]], None]


class Execution:
    """Carries one plan out, once."""

    def __init__(self, plan: Plan, around: Surroundings, *, keep_going: bool) -> None:
        self._plan = plan
        self._around = around
        self._keep_going = keep_going
        self._graph: Graph = plan.graph
        self._keys: Mapping[int, Keyed] = plan.keys
        self._values: dict[int, Mapping[str, StoredValue]] = {}
        self._uses = _uses(plan)
        running = frozenset(plan.order)
        self._waiting = {n: {w.node for _, w in plan.graph.nodes[n].wires()} & running for n in plan.order}
        self._followers: dict[int, list[int]] = {}
        for number, waiting in self._waiting.items():
            for other in waiting:
                self._followers.setdefault(other, []).append(number)
        self._lost_to: dict[int, str] = {}
        self._announced = False
        self._unwritten = False
        self._outcome = Outcome()
        self._host = ThreadPoolExecutor(_HOST_THREADS, thread_name_prefix="sdflow-host")
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="sdflow-disk")
        self._writes: list[Future[None]] = []

    def run(self) -> Outcome:
        """Run every node of the plan that can be run.

        Raises:
            UserError: a result could not be kept.
        """
        try:
            self._run_all()
        finally:
            self._host.shutdown(wait=True, cancel_futures=True)
            self._disk.shutdown(wait=True)
        for write in self._writes:
            write.result()
        return self._outcome

    def write_beside(self, work: Callable[[], None]) -> None:
        """Do some writing beside the nodes, in the order in which it was asked for."""

        def careful() -> None:
            try:
                work()
            except BaseException:
                self._unwritten = True
                raise

        # Values wait in memory to be written: a disk that is slower than the nodes holds them up.
        if len(self._writes) >= _MOST_WAITING:
            wait(self._writes[-_MOST_WAITING : -_MOST_WAITING + 1])
        self._writes.append(self._disk.submit(careful))

    def _run_all(self) -> None:
        left = list(self._plan.order)
        running: dict[Future[None], int] = {}
        while left or running:
            if self._over():
                self._skip_all(left)
                wait(running)
                self._collect(running)
                return
            left = self._drop_unreachable(left)
            for number in [n for n in left if self._is_host(n) and not self._waiting[n]]:
                left.remove(number)
                running[self._host.submit(self._run_node, number)] = number
            device = next((n for n in left if not self._is_host(n)), None)
            if device is not None and not self._waiting[device]:
                self._announce(device, left)
                left.remove(device)
                self._run_node(device)
                self._settle(device)
                if self._announced:
                    self._around.pool().advance()
            elif running:
                wait(running, return_when=FIRST_COMPLETED)
            self._collect(running)

    def _announce(self, number: int, left: Sequence[int]) -> None:
        """Tell the pool which components are needed from here on, so that it keeps the right ones."""
        if self._plan.nodes[number].components and not self._announced:
            self._announced = True
            coming = [self._plan.nodes[n].components for n in left if not self._is_host(n)]
            self._around.pool().plan([frozenset(part.digest for part in parts) for parts in coming])

    def _over(self) -> bool:
        outcome = self._outcome
        stopped = bool(outcome.failed) and not self._keep_going
        # When results cannot be written any more, computing further ones would be for nothing.
        return outcome.interrupted or outcome.lost is not None or stopped or self._unwritten

    def _is_host(self, number: int) -> bool:
        return self._graph.nodes[number].node.lane == "host"

    def _collect(self, running: dict[Future[None], int]) -> None:
        for future in [future for future in running if future.done()]:
            number = running.pop(future)
            future.result()
            self._settle(number)

    def _settle(self, number: int) -> None:
        """After a node: let its followers go, and drop what nobody needs any more."""
        if number in self._values:
            for follower in self._followers.pop(number, ()):
                self._waiting[follower].discard(number)
            self._around.ready(number, self._keys)
        for _, wire in self._graph.nodes[number].wires():
            self._uses[wire.node] = self._uses.get(wire.node, 1) - 1
            if self._uses[wire.node] <= 0:
                self._values.pop(wire.node, None)
        if self._uses.get(number, 0) <= 0:
            self._values.pop(number, None)

    def _drop_unreachable(self, left: list[int]) -> list[int]:
        """Nodes that can still run; the others are skipped, with the failed node that they needed."""
        keep: list[int] = []
        for number in left:
            because = next((self._lost_to[n] for n in self._waiting[number] if n in self._lost_to), None)
            if because is None:
                keep.append(number)
            else:
                self._skip(number, because)
        return keep

    def _skip_all(self, left: list[int]) -> None:
        if self._outcome.lost is not None:
            return
        because = "another node failed" if self._outcome.failed else "stopped"
        for number in left:
            self._skip(number, self._lost_to.get(number, because))

    def _skip(self, number: int, because: str) -> None:
        self._announced = False
        self._lost_to[number] = because
        self._outcome.skipped.append(number)
        self._around.listener(NodeSkipped(self._graph.nodes[number].name, because))

    def _run_node(self, number: int) -> None:
        """Run one node and hand its results to the disk; failures end up in the outcome, never here."""
        item = self._graph.nodes[number]
        planned = self._plan.nodes[number]
        try:
            self._compute(item, planned)
        except InterruptedRunError:
            self._outcome.interrupted = True
        except LostValueError as lost:
            self._outcome.lost = lost
        except (NodeFailedError, UserError) as error:
            hint = error.hint if isinstance(error, NodeFailedError) else error.problems[0].hint
            message = str(error) if isinstance(error, NodeFailedError) else error.problems[0].message
            self._fail(item, message, hint)
        except Exception as error:  # noqa: BLE001 - whatever a node does, other branches may go on
            if is_out_of_memory(error):
                self._fail(item, *_out_of_memory(planned, self._around.facts))
                return
            self._outcome.unexpected = True
            text = "".join(format_exception(error))
            self._fail(item, f"{type(error).__name__}: {error}", None, traceback=text)

    def _fail(self, item: GraphNode, message: str, hint: str | None, *, traceback: str | None = None) -> None:
        position = item.origins[0].at(())
        where = f"{position.file}:{position.line}" if position else item.name
        self._outcome.failed.append(item.id)
        self._lost_to[item.id] = f"{item.name} failed"
        self._around.listener(NodeFailed(item.name, item.node.name, where, message, hint, traceback))

    def _compute(self, item: GraphNode, planned: PlannedNode) -> None:
        try:
            self._compute_as(item, planned)
        except Exception as error:
            frugal = item.node.frugal()
            if not is_out_of_memory(error) or frugal is None:
                raise
        else:
            return
        self._around.pool().clear()
        self._around.listener(Warned(f"{item.name}: out of memory; trying again with less, which is slower"))
        self._replace(item.id, frugal)
        self._compute_as(self._graph.nodes[item.id], planned)

    def _replace(self, number: int, node: Node) -> None:
        """Put a node in the place of another one: everything after it gets other keys."""
        nodes = list(self._graph.nodes)
        nodes[number] = replace(nodes[number], node=node)
        self._graph = replace(self._graph, nodes=tuple(nodes))
        self._keys = make_keys(self._graph, self._around.facts, self._plan.inferred)

    def _compute_as(self, item: GraphNode, planned: PlannedNode) -> None:
        around, keyed = self._around, self._keys[item.id]
        around.listener(NodeStarted(item.name, item.node.name, keyed.key, planned.reason))
        inputs = gather(item, self._input_of(item))
        meter = PeakMeter(around.facts.device)
        began = time.perf_counter()
        values = _by_port(item.node, item.node.run(self._context(item, planned, keyed), **inputs))
        seconds = time.perf_counter() - began
        peak = meter.peak_bytes()
        self._values[item.id] = values
        if values:
            around.results.begin(keyed.key, values)
            self.write_beside(
                lambda: around.results.save(
                    keyed.key,
                    keyed.preimage,
                    values,
                    seconds=seconds,
                    peak_bytes=peak,
                    environment=around.environment,
                )
            )
            around.measured(planned, seconds)
        self._outcome.ran.append(item.id)
        around.listener(NodeFinished(item.name, item.node.name, keyed.key, seconds, peak))

    def _context(self, item: GraphNode, planned: PlannedNode, keyed: Keyed) -> Running:
        around = self._around

        def on_progress(done: int, total: int) -> None:
            around.listener(NodeProgress(item.name, done, total))

        states = StoredStates(
            around.results,
            keyed.trajectory,
            planned.states,
            planned.result_kept,
            planned.reason == "forced",
            around.environment,
            self.write_beside,
        )
        return Running(around.facts.device, around.facts, around.pool, around.stop, on_progress, states)

    def _input_of(self, item: GraphNode) -> Callable[[int, str], Any]:
        def value(source: int, port: str) -> Any:
            planned = self._plan.inferred[source][port]
            if isinstance(planned, Model):
                return planned
            if isinstance(planned, TrajectorySpec):
                way, results = self._keys[source].trajectory, self._around.results
                steps = item.node.states_needed(planned)
                return Trajectory(
                    {s: cast("State", results.value(state_key(way, s), "state")) for s in steps}
                )
            if port in self._values.get(source, {}):
                return self._values[source][port]
            return self._around.results.value(self._keys[source].key, port)

        return value


def _uses(plan: Plan) -> dict[int, int]:
    """How many running nodes read each node's results."""
    uses: dict[int, int] = {}
    for number in plan.order:
        for _, wire in plan.graph.nodes[number].wires():
            uses[wire.node] = uses.get(wire.node, 0) + 1
    return uses


def _by_port(node: Node, result: object) -> Mapping[str, StoredValue]:
    """What `run` returned, by output port: a mapping as it is, a single value under the first port."""
    if isinstance(result, Mapping):
        return cast("Mapping[str, StoredValue]", result)
    return {next(iter(node.outputs)): cast("StoredValue", result)}


def _out_of_memory(planned: PlannedNode, facts: Facts) -> tuple[str, str]:
    weights = sum(part.bytes_as_loaded for part in planned.components)
    needed = (weights + planned.cost.activations) / 2**30
    there = facts.device.memory_bytes / 2**30
    message = (
        f"out of memory on {facts.device}: about {needed:.1f} GiB are needed and {there:.1f} GiB are there"
    )
    return message, "try a smaller size or batch, dtype float16, or --device cpu"
