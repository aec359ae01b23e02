"""One plan, carried out on this machine.

Device nodes run one after the other in the plan's order, in the calling thread. Host nodes (reading and working on
pictures) run beside them in a few threads, and so do writing results and output files. A value is dropped when its
last consumer is done. What is learnt on the way that the plan did not know (a value that is gone, a file that
changed, a node that needs less memory) ends the execution: the caller plans again and goes on from what is kept.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event
from traceback import format_exception
from typing import Any, cast

from sdflow.composition import Json
from sdflow.engine.context import (
    ComponentPool,
    InputChangedError,
    InterruptedRunError,
    Running,
)
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
from sdflow.engine.repeating import Repeats
from sdflow.engine.results import Results
from sdflow.engine.schedule import Schedule
from sdflow.engine.states import SAVE_EVERY, NoStates, Pace, StoredStates
from sdflow.graph.build import GraphNode
from sdflow.graph.facts import Facts
from sdflow.graph.field_kinds import file_fields
from sdflow.graph.infer import gather
from sdflow.graph.keys import Keyed, state_key
from sdflow.graph.node import Node, States
from sdflow.graph.plan import Plan, PlannedNode
from sdflow.problems import NodeFailedError, UserError
from sdflow.store import LostValueError
from sdflow.values import Loadable, State, StoredValue, Trajectory, TrajectorySpec

_HOST_THREADS = 2
_MOST_WAITING = 16


@dataclass(slots=True)
class Outcome:
    """How it ended: nodes by what became of them.

    `lost`, `changed` and `sparing` ask for another plan: a stored value turned out to be gone, a file to be another
    one, nodes to need the less of memory that their sparing form takes. `differing` are nodes that gave two results
    with the same inputs. `unexpected` says that some node failed in a way that only a mistake in a program explains.
    """

    ran: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    interrupted: bool = False
    lost: LostValueError | None = None
    changed: InputChangedError | None = None
    sparing: set[int] = field(default_factory=set)
    differing: list[int] = field(default_factory=list)
    unexpected: bool = False

    @property
    def again(self) -> bool:
        """Whether to plan again and go on."""
        return self.lost is not None or self.changed is not None or bool(self.sparing)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an execution works with, beside its plan.

    `measured` is told how long a node took, `ready` that its results are there, and `unchanged` raises
    `InputChangedError` unless a file is still what the plan had found. `save_every` is how many seconds lie between the
    states of a denoise that a killed run goes on from. With `twice`, each node is computed a second time and compared.
    """

    facts: Facts
    results: Results
    pool: Callable[[], ComponentPool]
    environment: Mapping[str, Json]
    listener: Listener
    stop: Event
    measured: Callable[[PlannedNode, float], None]
    ready: Callable[[int], None]
    unchanged: Callable[[str], None]
    save_every: float = SAVE_EVERY
    twice: bool = False


class Execution:
    """Carries one plan out, once."""

    def __init__(self, plan: Plan, around: Surroundings, *, keep_going: bool) -> None:
        self.outcome = Outcome()
        self._plan = plan
        self._around = around
        self._keep_going = keep_going
        self._values: dict[int, Mapping[str, StoredValue]] = {}
        self._repeats = Repeats(
            around.results.store, around.environment, around.listener, self.outcome.differing
        )
        self._uses = _uses(plan)
        self._schedule = Schedule(plan)
        self._announced = False
        self._unwritten = False
        self._host = ThreadPoolExecutor(_HOST_THREADS, thread_name_prefix="sdflow-host")
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="sdflow-disk")
        self._writes: deque[Future[None]] = deque()
        self._done: SimpleQueue[tuple[int, Future[None]]] = SimpleQueue()
        self._flying = 0

    def run(self) -> Outcome:
        """Run every node of the plan that can be run.

        Raises:
            UserError: a result could not be kept.
            LostValueError: a value that an output file needs is gone.
        """
        try:
            self._run_all()
        finally:
            self._host.shutdown(wait=True, cancel_futures=True)
            self._disk.shutdown(wait=True)
        for write in self._writes:
            write.result()
        return self.outcome

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
            wait([self._writes[-_MOST_WAITING]])
        self._writes.append(self._disk.submit(careful))

    def _run_all(self) -> None:
        while True:
            while self._schedule.host and not self._over():
                self._fly(self._schedule.host.popleft())
            device = None if self._over() else self._schedule.next_device()
            if device is not None:
                self._announce(device)
                self._run_node(device)
                self._settle(device)
                if self._announced:
                    self._around.pool().advance()
            elif self._flying:
                self._land()
            else:
                break
            while not self._done.empty():
                self._land()
        if not self.outcome.again:
            because = "another node failed" if self.outcome.failed else "stopped"
            for number in sorted((*self._schedule.host, *self._schedule.left)):
                self._skip(number, because)

    def _fly(self, number: int) -> None:
        """Run a host node beside the device."""
        self._flying += 1
        future = self._host.submit(self._run_node, number)
        future.add_done_callback(lambda done: self._done.put((number, done)))

    def _land(self) -> None:
        """Wait for a host node."""
        number, future = self._done.get()
        self._flying -= 1
        future.result()
        self._settle(number)

    def _announce(self, number: int) -> None:
        """Tell the pool which components are needed from here on, so that it keeps the right ones."""
        if self._plan.nodes[number].components and not self._announced:
            self._announced = True
            coming = [self._plan.nodes[n].components for n in (number, *self._schedule.devices_left)]
            self._around.pool().plan(
                [frozenset(piece for part in parts for piece in part.pieces) for parts in coming]
            )

    def _over(self) -> bool:
        outcome = self.outcome
        if self._around.stop.is_set() and (self._schedule.left or self._schedule.host or self._flying):
            outcome.interrupted = True
        stopped = bool(outcome.failed) and not self._keep_going
        # When results cannot be written any more, computing further ones would be for nothing.
        return outcome.interrupted or outcome.again or stopped or self._unwritten

    def _settle(self, number: int) -> None:
        """After a node: let its followers go or skip them, and drop what nobody needs any more."""
        if number in self._values:
            self._schedule.done(number)
            self._around.ready(number)
        elif number in self.outcome.failed:
            self._announced = False
            for other in self._schedule.give_up(number):
                self._skip(other, f"{self._plan.graph.nodes[number].name} failed")
        for _, wire in self._plan.graph.nodes[number].inputs:
            self._uses[wire.node] = self._uses.get(wire.node, 1) - 1
            if self._uses[wire.node] <= 0:
                self._values.pop(wire.node, None)
        if self._uses.get(number, 0) <= 0:
            self._values.pop(number, None)

    def _skip(self, number: int, because: str) -> None:
        self.outcome.skipped.append(number)
        self._around.listener(NodeSkipped(self._plan.graph.nodes[number].name, because))

    def _run_node(self, number: int) -> None:
        """Run one node and hand its results to the disk; failures end up in the outcome, never here."""
        item, outcome = self._plan.graph.nodes[number], self.outcome
        planned = self._plan.nodes[number]
        try:
            self._compute(item, planned)
        except InterruptedRunError:
            outcome.interrupted = True
        except LostValueError as lost:
            outcome.lost = lost
        except InputChangedError as changed:
            outcome.changed = changed
        except (NodeFailedError, UserError) as error:
            hint = error.hint if isinstance(error, NodeFailedError) else error.problems[0].hint
            message = str(error) if isinstance(error, NodeFailedError) else error.problems[0].message
            self._fail(item, message, hint)
        except Exception as error:  # noqa: BLE001 - whatever a node does, other branches may go on
            if is_out_of_memory(error):
                self._out_of_memory(item, planned)
                return
            outcome.unexpected = True
            text = "".join(format_exception(error))
            self._fail(item, f"{type(error).__name__}: {error}", None, traceback=text)

    def _out_of_memory(self, item: GraphNode, planned: PlannedNode) -> None:
        """Ask for the sparing form of the node, where it has one."""
        self._around.pool().clear()
        if item.node.frugal() is None:
            self._fail(item, *_what_was_needed(planned, self._around.facts))
            return
        self.outcome.sparing.add(item.id)
        self._around.listener(Warned(f"{item.name}: out of memory; trying again with less, which is slower"))

    def _fail(self, item: GraphNode, message: str, hint: str | None, *, traceback: str | None = None) -> None:
        position = item.origins[0].at(())
        where = f"{position.file}:{position.line}" if position else item.name
        if position and position.via:
            where += f" ({position.via})"
        self.outcome.failed.append(item.id)
        self._around.listener(NodeFailed(item.name, item.node.name, where, message, hint, traceback))

    def _compute(self, item: GraphNode, planned: PlannedNode) -> None:
        around, keyed = self._around, self._plan.keys[item.id]
        around.listener(NodeStarted(item.name, item.node.name, keyed.key, planned.reason))
        inputs = gather(item, self._input_of(item))
        meter = PeakMeter(around.facts.device) if item.node.lane == "device" else None
        began = time.perf_counter()
        states = self._states(planned, keyed)
        context = self._context(item, states)
        values = _by_port(item.node, item.node.run(context, **inputs))
        seconds = time.perf_counter() - began
        peak = meter.peak_bytes() if meter is not None else None
        for name, _ in file_fields(type(item.node)):
            if getattr(item.node, name) is not None:
                around.unchanged(getattr(item.node, name))
        if values:
            others: tuple[Mapping[str, str], ...] = ()
            try:
                others = self._again(item, keyed, inputs, values) if around.twice else ()
            except InterruptedRunError:
                self._keep(keyed, values, seconds, peak, ())  # the first time is done, and worth keeping
                raise
            self._keep(keyed, values, seconds, peak, others)
            around.measured(planned, seconds)
        states.done()
        self._values[item.id] = values
        self.outcome.ran.append(item.id)
        around.listener(NodeFinished(item.name, item.node.name, keyed.key, seconds, peak))

    def _again(
        self, item: GraphNode, keyed: Keyed, inputs: Mapping[str, Any], values: Mapping[str, StoredValue]
    ) -> tuple[Mapping[str, str], ...]:
        """Compute a node again from the start; digests of what it gave then, where that is something else."""
        again = _by_port(item.node, item.node.run(self._context(item, NoStates()), **inputs))
        return self._repeats.judge(item, keyed.key, values, again)

    def _keep(
        self,
        keyed: Keyed,
        values: Mapping[str, StoredValue],
        seconds: float,
        peak: int | None,
        others: Sequence[Mapping[str, str]],
    ) -> None:
        results, environment = self._around.results, self._around.environment
        results.begin(keyed.key, values)
        self.write_beside(
            lambda: results.save(
                keyed.key,
                keyed.preimage,
                values,
                seconds=seconds,
                peak_bytes=peak,
                environment=environment,
                others=others,
            )
        )

    def _context(self, item: GraphNode, states: States) -> Running:
        around = self._around

        def on_progress(done: int, total: int) -> None:
            around.listener(NodeProgress(item.name, done, total))

        return Running(around.facts.device, around.facts, around.pool, around.stop, on_progress, states)

    def _states(self, planned: PlannedNode, keyed: Keyed) -> StoredStates:
        around = self._around
        return StoredStates(
            around.results,
            keyed.trajectory,
            planned.states,
            planned.result_kept,
            planned.reason == "forced",
            around.environment,
            self.write_beside,
            Pace(around.save_every, around.stop),
        )

    def _input_of(self, item: GraphNode) -> Callable[[int, str], Any]:
        def value(source: int, port: str) -> Any:
            planned = self._plan.inferred[source][port]
            if isinstance(planned, Loadable):
                return planned
            keyed, results = self._plan.keys[source], self._around.results
            if isinstance(planned, TrajectorySpec):
                keys = {step: state_key(keyed.trajectory, step) for step in item.node.states_needed(planned)}
                return Trajectory({s: cast("State", results.value(key, "state")) for s, key in keys.items()})
            held = self._values.get(source, {})
            return held[port] if port in held else results.value(keyed.key, port)

        return value


def _uses(plan: Plan) -> dict[int, int]:
    """How many running nodes read each node's results."""
    uses: dict[int, int] = {}
    for number in plan.order:
        for _, wire in plan.graph.nodes[number].inputs:
            uses[wire.node] = uses.get(wire.node, 0) + 1
    return uses


def _by_port(node: Node, result: object) -> Mapping[str, StoredValue]:
    """What `run` returned, by output port: a mapping as it is, a single value under the first port."""
    if isinstance(result, Mapping):
        return cast("Mapping[str, StoredValue]", result)
    return {next(iter(node.outputs)): cast("StoredValue", result)}


def _what_was_needed(planned: PlannedNode, facts: Facts) -> tuple[str, str]:
    weights = sum(part.bytes_as_loaded for part in planned.components)
    needed = (weights + planned.cost.activations) / 2**30
    there = facts.device.memory_bytes / 2**30
    message = (
        f"out of memory on {facts.device}: about {needed:.1f} GiB are needed and {there:.1f} GiB are there"
    )
    return message, "try a smaller size or batch, dtype float16, or --device cpu"
