"""The spine of sdflow: a composition becomes a graph, facts, a plan, a run. The CLI and the API both stand on it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, cast

from sdflow.collector import collector_paused
from sdflow.composition import Composition
from sdflow.describing import Describer
from sdflow.device import Device
from sdflow.engine.context import ComponentPool, InputChangedError, InterruptedRunError
from sdflow.engine.events import Downloading, Listener, ModelMoved
from sdflow.engine.rates import Rates
from sdflow.engine.results import Results
from sdflow.engine.sparing import SparingKeys
from sdflow.engine.states import SAVE_EVERY
from sdflow.graph.build import Graph, build
from sdflow.graph.infer import Inferred, infer
from sdflow.graph.node import Node
from sdflow.graph.outputs import check_outputs
from sdflow.graph.plan import Choices, Kept, Memory, Plan, plan
from sdflow.graph.registry import Registry
from sdflow.locking.lock import beside
from sdflow.nodes.builtin import default_registry
from sdflow.problems import Problem, UserError
from sdflow.profiles.applying import Applied, applied, group_of
from sdflow.profiles.possible import refuse_impossible
from sdflow.profiles.profile import Chosen
from sdflow.resolve.device import find_device
from sdflow.resolve.facts import ResolvedFacts, resolve
from sdflow.store import (
    DigestMemo,
    Layout,
    MemoryTier,
    RunIndex,
    Store,
    cache_root,
    default_limit,
)
from sdflow.values import Component, Location, WeightFile
from sdflow.wishes import Wishes, choices_of

if TYPE_CHECKING:
    # Imported where a plan is carried out: commands that only plan start without them.
    from sdflow.engine.execution import Outcome
    from sdflow.locking.pins import Pins
    from sdflow.models.pool import PoolEvent

_MEMORY_TIER_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a session computes and keeps things.

    `cache` None is the user's cache folder, `no_cache` a temporary one. `offline` None follows HF_HUB_OFFLINE.
    `locked` refuses whatever the lock of a recipe does not cover. A denoise keeps a state to go on from every
    `save_every` seconds (0: after every step), and less often where that would cost more than a hundredth of the time.
    `profile` is the name of a built-in one or a file; None follows SDFLOW_PROFILE.
    """

    device: str = "auto"
    profile: str | None = None
    cache: Path | None = None
    no_cache: bool = False
    limit_bytes: int | None = None
    offline: bool | None = None
    locked: bool = False
    save_every: float = SAVE_EVERY
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A recipe that was planned: everything that is known before anything is computed."""

    composition: Composition
    facts: ResolvedFacts
    plan: Plan
    profile: Applied

    @property
    def graph(self) -> Graph:
        """The graph of all cells."""
        return self.plan.graph


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run: what became of the nodes, and the files by their path in the recipe.

    `withheld` are the files that were not written, each with the node that flagged what it would show.
    """

    prepared: Prepared
    outcome: "Outcome"
    files: Mapping[str, Path]
    seconds: float
    withheld: Mapping[str, str] = field(default_factory=dict)

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
        self.describer = Describer(self.root, self.memo, lambda: self.device, settings.offline)
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
    def profile(self) -> Chosen:
        """How runs use memory and time.

        Raises:
            UserError: there is no such profile, its file is wrong, or this machine cannot carry it out.
        """
        from sdflow.profiles.reading import find_profile

        chosen = find_profile(self.settings.profile, self.settings.environ)
        refuse_impossible(chosen, self.device)
        return chosen

    @property
    def _weights_bytes(self) -> int:
        """How much of the device's memory weights may take."""
        return int(self.device.memory_bytes * self.profile.profile.weights_on_device)

    @cached_property
    def rates(self) -> Rates:
        """How long work took lately."""
        return Rates.read(self.store.root / "rates.json")

    @cached_property
    def sparing(self) -> SparingKeys:
        """Keys of nodes that ran out of memory."""
        return SparingKeys.read(self.store.root / "sparing.json")

    @cached_property
    def pool(self) -> ComponentPool:
        """Loaded components; made when the first is needed, with torch. What is not here is downloaded."""
        from sdflow.models.download import ensure_local
        from sdflow.models.hub_place import HubPlace
        from sdflow.models.pool import Pool
        from sdflow.models.web.place import WebPlace
        from sdflow.resolve.host_memory import host_memory

        hub = HubPlace.of_environment(self.root, offline=self.settings.offline)
        web = WebPlace.of_environment(self.root, offline=hub.offline)

        def ensure(component: Component) -> Component:
            def progress(done: int, total: int) -> None:
                self.listener(Downloading(component.role, done, total))
                if self.stop.is_set():
                    raise InterruptedRunError

            return ensure_local(component, progress, hub=hub, web=web)

        return Pool(
            self.device,
            budget_bytes=self._weights_bytes,
            host_budget_bytes=int(host_memory() * self.profile.profile.weights_in_memory),
            by_group=lambda component: group_of(component, self.profile.profile, self.device),
            on_event=self._moved,
            ensure=ensure,
            check=self._unchanged,
        )

    def pins(self, composition: Composition) -> "Pins | None":
        """The lock beside a recipe, where there is one.

        Raises:
            UserError: it is damaged, or missing where it is needed.
        """
        path, strict = beside(composition), self.settings.locked
        if not (strict or path.is_file()):
            return None
        from sdflow.locking.pins import Pins, read_lock

        return Pins(read_lock(path), path.name, strict)

    @collector_paused()
    def graph(self, composition: Composition) -> Graph:
        """The graph of a composition.

        Raises:
            UserError: mistakes in types, fields, references and kinds.
        """
        return build(composition, self.registry)

    def prepare(self, composition: Composition, wishes: Wishes | None = None) -> Prepared:
        """Plan: find out all that is needed and decide what runs.

        Raises:
            UserError: everything that is wrong with the recipe, its files and its models.
        """
        graph = self.graph(composition)
        return self.prepare_graph(composition, graph, choices_of(graph, wishes or Wishes()))

    @collector_paused()
    def prepare_graph(
        self, composition: Composition, graph: Graph, choices: Choices, memory: Memory | None = None
    ) -> Prepared:
        """Plan a graph that was built already; `memory` is what is there, in place of what lies in the store.

        Raises:
            UserError: everything that is wrong with its files and its models.
        """
        if not (choices.targets or graph.outputs):
            hint = 'add outputs, such as  "{name}.png": $image,  or name nodes with --to'
            raise UserError(
                Problem("SDF215", "the recipe has no outputs, so nothing needs to run", hint=hint)
            )
        chosen = self.profile  # asked first: its mistakes are told before anything is looked for elsewhere
        pins = self.pins(composition)
        resolver = self.describer.resolver(composition.base, *((pins.pinned,) if pins else ()))
        if pins is not None:
            pins.check_recipes(composition.uses)
        facts = resolve(graph, resolver, self.device)
        if pins is not None:
            pins.check(graph, facts)
        inferred: Inferred = infer(graph, facts)
        check_outputs(graph, inferred)
        memory = memory or _Memory(self, composition.identity)
        under = applied(chosen, graph, inferred, self.device)
        graph, weights = under.graph, self._weights_bytes
        made = plan(graph, facts, under.inferred, memory, choices, weights=weights)
        while sparing := self._sparing(made):
            # These did not fit into memory when they were run as they are written.
            graph = graph.with_nodes(sparing)
            made = plan(graph, facts, under.inferred, memory, choices, weights=weights)
        return Prepared(composition, facts, made, under)

    def _sparing(self, made: Plan) -> dict[int, Node]:
        """The sparing form of every node whose key is known to have run out of memory."""
        known = {
            number: made.graph.nodes[number].node
            for number, keyed in made.keys.items()
            if keyed.key in self.sparing
        }
        forms = {number: node.frugal() for number, node in known.items()}
        return {number: node for number, node in forms.items() if node is not None}

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
        """Plan and carry it out; `out` is the folder for output files, and without one, none are written.

        Raises:
            UserError: the recipe is wrong, or results or files cannot be written.
        """
        from sdflow.running import run_composition

        self.listener = listener or _nobody
        try:
            return run_composition(
                self, composition, wishes or Wishes(), out=out, keep_going=keep_going, metadata=metadata
            )
        finally:
            self.stop.clear()

    def _moved(self, event: "PoolEvent") -> None:
        self.listener(ModelMoved(event.role, event.kind, event.size, event.seconds))

    def _unchanged(self, component: Component) -> None:
        """Make sure that what was loaded from a folder is what the plan had found there.

        Raises:
            InputChangedError: a file is another one now.
        """
        self._same_files(component.location, component.files)
        for adapter in component.adapters:
            self._same_files(adapter.location, (adapter.file,))

    def _same_files(self, location: Location, files: Sequence[WeightFile]) -> None:
        if location.folder is None or location.repo is not None or location.url is not None:
            return  # what a hub's commit holds does not change, nor what is kept by its digest
        for file in files:
            self.unchanged(location.folder / file.name, file.digest)

    def unchanged(self, path: Path, digest: str) -> None:
        """Make sure that a file still has a digest.

        Raises:
            InputChangedError: it has another one, or is gone.
        """
        try:
            if self.memo.digest_of(path) == digest:
                return
        except OSError:
            pass
        raise InputChangedError(str(path))


@dataclass(frozen=True, slots=True)
class _Memory:
    """What a plan asks about earlier runs of one recipe."""

    session: Session
    identity: str
    _previous: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._previous.update(self.session.index.previous(self.identity))

    def keeps(self, key: str) -> bool:
        return self.session.results.find(key) is not None

    def before(self, key: str) -> Kept | None:
        return cast("Kept | None", self.session.store.peek(key))

    def previous(self, cell: str, node: str) -> str | None:
        return self._previous.get((cell, node))

    def seconds(self, node_type: str, scale: str, work: float) -> tuple[float, float] | None:
        return self.session.rates.seconds(node_type, scale, work)


def _nobody(event: object) -> None:
    """Nobody listens."""
