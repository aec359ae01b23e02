"""The spine of sdflow: a composition becomes a graph, facts, a plan, a run. The CLI and the API both stand on it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, cast

from sdflow.collector import collector_paused
from sdflow.composition import Composition, Json
from sdflow.device import Device
from sdflow.engine.context import ComponentPool
from sdflow.engine.events import Downloading, Listener, ModelMoved, RunFinished, RunStarted, Warned
from sdflow.engine.rates import Rates
from sdflow.engine.results import Results
from sdflow.graph.build import Graph, GraphOutput, build
from sdflow.graph.infer import Inferred, infer
from sdflow.graph.keys import Keyed
from sdflow.graph.outputs import check_outputs
from sdflow.graph.plan import Choices, Kept, Plan, PlannedNode, plan
from sdflow.graph.registry import Registry
from sdflow.nodes.builtin import default_registry
from sdflow.problems import Problem, UserError, nearest
from sdflow.resolve.device import find_device
from sdflow.resolve.facts import ResolvedFacts, Resolver, resolve
from sdflow.store import (
    DigestMemo,
    Layout,
    LostValueError,
    MemoryTier,
    Record,
    RunIndex,
    Store,
    cache_root,
    default_limit,
)
from sdflow.values import Component, Model

if TYPE_CHECKING:
    # Imported where a plan is carried out: commands that only plan start without them.
    from sdflow.engine.execution import Outcome
    from sdflow.engine.outputs import OutputWriter
    from sdflow.models.pool import PoolEvent
    from sdflow.models.request import ModelRequest

_MEMORY_TIER_BYTES = 2**30
_SHARE_OF_DEVICE = 0.7
"""Of the device's memory, for weights; the rest is for activations."""
_SHARE_OF_HOST = 0.5
"""Of the host's memory, for weights that wait there for their next use on a GPU."""
_MOST_LOSSES = 20


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a session computes and keeps things.

    `cache` None is the user's cache folder, `no_cache` a temporary one. `offline` None follows HF_HUB_OFFLINE.
    """

    device: str = "auto"
    cache: Path | None = None
    no_cache: bool = False
    limit_bytes: int | None = None
    offline: bool | None = None
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user asks of one plan, by the names in the recipe."""

    to: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    refresh: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe that was planned: everything that is known before anything is computed."""

    composition: Composition
    facts: ResolvedFacts
    plan: Plan

    @property
    def graph(self) -> Graph:
        """The graph of all cells."""
        return self.plan.graph


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: what became of the nodes, and the files by their path in the recipe."""

    prepared: Prepared
    outcome: "Outcome"
    files: Mapping[str, Path]
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether some node failed."""
        return bool(self.outcome.failed)


class Session:
    """A store, a device and a pool of loaded components, for as many runs as one likes."""

    def __init__(self, settings: Settings, registry: Registry | None = None) -> None:
        self.settings = settings
        self.registry = registry or default_registry()
        self.root = cache_root(settings.cache, settings.environ)
        self._closing = ExitStack()
        if settings.no_cache:
            self.store = self._closing.enter_context(Store.temporary())
        else:
            limit = settings.limit_bytes if settings.limit_bytes is not None else default_limit(self.root)
            self.store = Store.open(self.root, limit_bytes=limit)
        self.results = Results(self.store, MemoryTier(_MEMORY_TIER_BYTES))
        # Digests of files are remembered even where results are not.
        self.memo = DigestMemo(Layout(self.root))
        self.index = RunIndex(self.store.layout)
        self.listener: Listener = _nobody
        self.stop = Flag()

    @contextmanager
    def closing(self) -> Iterator["Session"]:
        """The session, closed at the end: a temporary store is gone then."""
        with self._closing:
            yield self

    @cached_property
    def device(self) -> Device:
        """The device, found when it is first needed."""
        return find_device(self.settings.device)

    @cached_property
    def rates(self) -> Rates:
        """How long work took lately."""
        return Rates.read(self.store.root / "rates.json")

    @cached_property
    def pool(self) -> ComponentPool:
        """Loaded components; made when the first is needed, with torch. What is not here is downloaded."""
        from sdflow.models.download import ensure_local
        from sdflow.models.hub_place import HubPlace
        from sdflow.models.pool import Pool
        from sdflow.resolve.host_memory import host_memory

        hub = HubPlace.of_environment(self.root, offline=self.settings.offline)

        def ensure(component: Component) -> Component:
            def progress(done: int, total: int) -> None:
                self.listener(Downloading(component.role, done, total))

            return ensure_local(component, progress, hub=hub)

        return Pool(
            self.device,
            budget_bytes=int(self.device.memory_bytes * _SHARE_OF_DEVICE),
            host_budget_bytes=int(host_memory() * _SHARE_OF_HOST),
            on_event=self._moved,
            ensure=ensure,
        )

    def describe_model(self, request: object, base: Path) -> Model:
        """The description of a model, from a request of the models room."""
        from sdflow.models.resolve import resolve_model

        return resolve_model(
            cast("ModelRequest", request),
            base=base,
            device=self.device,
            memo=self.memo.digest_of,
            cache_root=self.root,
            offline=self.settings.offline,
        )

    def resolver(self, base: Path) -> Resolver:
        """How facts are found for a recipe in the folder `base`."""
        return Resolver(base, self.memo.digest_of, lambda request: self.describe_model(request, base))

    def graph(self, composition: Composition) -> Graph:
        """The graph of a composition.

        Raises:
            UserError: mistakes in types, fields, references and kinds.
        """
        return build(composition, self.registry)

    @collector_paused()
    def prepare(self, composition: Composition, wishes: Wishes | None = None) -> Prepared:
        """Plan: find out all that is needed and decide what runs.

        Raises:
            UserError: everything that is wrong with the recipe, its files and its models.
        """
        wishes = wishes or Wishes()
        graph = self.graph(composition)
        choices = _choices(graph, wishes)
        if not (choices.targets or graph.outputs):
            hint = 'add outputs, such as  "{name}.png": $image,  or name nodes with --to'
            raise UserError(
                Problem("SDF215", "the recipe has no outputs, so nothing needs to run", hint=hint)
            )
        facts = resolve(graph, self.resolver(composition.base), self.device)
        inferred: Inferred = infer(graph, facts)
        check_outputs(graph, inferred)
        memory = _Memory(self, composition.identity)
        return Prepared(composition, facts, plan(graph, facts, inferred, memory, choices))

    def run(
        self,
        composition: Composition,
        wishes: Wishes | None = None,
        *,
        out: Path | None = None,
        keep_going: bool = False,
        metadata: bool = True,
        listener: Listener | None = None,
    ) -> RunResult:
        """Plan and carry it out; a stored value that turns out to be damaged is computed again.

        `out` is the folder for output files; without one, none are written.

        Raises:
            UserError: the recipe is wrong, or results or files cannot be written.
        """
        self.listener = listener or _nobody
        self.stop.clear()
        began = time.monotonic()
        for _ in range(_MOST_LOSSES):
            prepared = self.prepare(composition, wishes)
            outcome, files = self._carry_out(prepared, out, keep_going=keep_going, metadata=metadata)
            if outcome.lost is None:
                break
            if outcome.lost.damaged:
                self.listener(Warned(outcome.lost.problem.message))
            wishes = Wishes(to=wishes.to) if wishes else None
        else:
            raise UserError(
                Problem("SDF505", "stored values go missing again and again", hint="try --no-cache")
            )
        seconds = time.monotonic() - began
        self.listener(
            RunFinished(
                len(outcome.ran),
                len(outcome.failed),
                len(outcome.skipped),
                round(seconds, 3),
                outcome.interrupted,
            )
        )
        return RunResult(prepared, outcome, files, seconds)

    def _carry_out(
        self, prepared: Prepared, out: Path | None, *, keep_going: bool, metadata: bool
    ) -> "tuple[Outcome, Mapping[str, Path]]":
        from sdflow.engine.environment import environment
        from sdflow.engine.execution import Execution, Outcome, Surroundings
        from sdflow.engine.interrupt import stop_on_interrupt

        made, graph = prepared.plan, prepared.graph
        cached = sum(node.status == "cached" for node in made.nodes.values())
        self.listener(RunStarted(prepared.composition.file, len(made.order), cached, self.device.name))
        if made.order:
            self.store.prepare()
        writer = self._writer(prepared, out or Path(), metadata=metadata)
        execution: Execution
        outputs = {output.wire.node for output in graph.outputs} & made.nodes.keys() if out else set()

        def ready(number: int, keys: Mapping[int, Keyed]) -> None:
            if number in outputs:
                execution.write_beside(lambda: writer.of_node(number, keys))

        around = Surroundings(
            prepared.facts,
            self.results,
            lambda: self.pool,
            environment(self.device),
            self.listener,
            self.stop,
            self._measured,
            ready,
        )
        execution = Execution(made, around, keep_going=keep_going)
        try:
            with stop_on_interrupt(self.stop), self.store.running(keyed.key for keyed in made.keys.values()):
                for number in sorted(outputs - set(made.order)):
                    ready(number, made.keys)
                outcome = execution.run()
        except LostValueError as lost:
            outcome = Outcome(lost=lost)
        self._remember(prepared, outcome)
        writer.written.write()
        return outcome, writer.paths

    def _writer(self, prepared: Prepared, out: Path, *, metadata: bool) -> "OutputWriter":
        from sdflow.engine.outputs import OutputWriter
        from sdflow.engine.written import WrittenFiles

        digests = {name: file.digest for name, file in prepared.facts.files.items()}

        def texts(output: GraphOutput, index: int, made_in: Mapping[str, Json]) -> Mapping[str, str]:
            from sdflow.provenance.of_output import texts_of_output

            if not metadata:
                return {}
            return texts_of_output(
                prepared.composition, prepared.plan, digests, output, index=index, environment=made_in
            )

        written = WrittenFiles.read(self.store.root / "written.json")
        return OutputWriter(prepared.plan, out.resolve(), self.results, written, self.listener, texts)

    def _measured(self, planned: PlannedNode, seconds: float) -> None:
        self.rates.add(planned.item.node.name, planned.scale, planned.cost.work, seconds)

    def _moved(self, event: "PoolEvent") -> None:
        self.listener(ModelMoved(event.role, event.kind, event.size, event.seconds))

    def _remember(self, prepared: Prepared, outcome: "Outcome") -> None:
        """What ran is what the next plan's reasons compare with."""
        made = prepared.plan
        bad = {*outcome.failed, *outcome.skipped}
        done = set(outcome.ran) | {n for n, node in made.nodes.items() if node.status == "cached"}
        keys = {
            place: made.keys[number].key
            for place, number in prepared.graph.names.items()
            if number in made.keys and number in done and number not in bad
        }
        if keys and (outcome.ran or keys != self.index.previous(prepared.composition.identity)):
            self.index.remember(prepared.composition.identity, keys)
        self.store.touch(made.keys[n].key for n, node in made.nodes.items() if node.status == "cached")
        if outcome.ran:
            self.rates.write()
            self.store.trim()


@dataclass(frozen=True, slots=True)
class _Memory:
    """What a plan asks about earlier runs of one recipe."""

    session: Session
    identity: str
    _previous: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._previous.update(self.session.index.previous(self.identity))

    def find(self, key: str) -> Kept | None:
        return _kept(self.session.results.find(key))

    def before(self, key: str) -> Kept | None:
        return _kept(self.session.store.peek(key))

    def previous(self, cell: str, node: str) -> str | None:
        return self._previous.get((cell, node))

    def seconds(self, node_type: str, scale: str, work: float) -> tuple[float, float] | None:
        return self.session.rates.seconds(node_type, scale, work)


def _kept(record: Record | None) -> Kept | None:
    return cast("Kept | None", record)


def _choices(graph: Graph, wishes: Wishes) -> Choices:
    """From names in the recipe to numbers of nodes.

    Raises:
        UserError: names that the recipe does not have.
    """
    problems: list[Problem] = []

    def numbers(name: str) -> Sequence[int]:
        found = graph.named(name)
        if not found:
            near = nearest(name, graph.node_names())
            hint = f"did you mean {near}?" if near else "nodes: " + ", ".join(graph.node_names())
            problems.append(Problem("SDF206", f"there is no node {name}", hint=hint))
        return found

    targets = tuple(number for name in wishes.to for number in numbers(name))
    forced = [number for name in wishes.force if not name.endswith("+") for number in numbers(name)]
    forced_on = [number for name in wishes.force if name.endswith("+") for number in numbers(name[:-1])]
    if problems:
        raise UserError(*problems)
    return Choices(targets, wishes.refresh, frozenset(forced), frozenset(forced_on))


def _nobody(event: object) -> None:
    """Nobody listens."""
