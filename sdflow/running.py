"""From a composition to finished files: plan, carry out, and plan again when something was learnt on the way."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sdflow.composition import Composition, Json
from sdflow.engine.environment import environment
from sdflow.engine.events import RunFinished, RunStarted, SeedDrawn, Warned
from sdflow.engine.execution import Execution, Outcome, Surroundings
from sdflow.engine.interrupt import stop_on_interrupt
from sdflow.engine.outputs import OutputWriter
from sdflow.engine.written import WrittenFiles
from sdflow.graph.build import GraphOutput
from sdflow.graph.chance import drawn
from sdflow.graph.keys import state_key
from sdflow.graph.plan import PlannedNode
from sdflow.problems import Problem, UserError
from sdflow.provenance.of_output import Origins
from sdflow.provenance.withheld import Withheld
from sdflow.store import LostValueError
from sdflow.values import TrajectorySpec
from sdflow.wishes import Wishes, choices_of
from sdflow.workflow import Prepared, RunResult, Session

_MOST_LOSSES = 20


def run_composition(
    session: Session,
    composition: Composition,
    wishes: Wishes,
    *,
    out: Path | None,
    keep_going: bool,
    metadata: bool,
) -> RunResult:
    """Run a recipe to its end.

    A stored value that is damaged, an input file that changes and a node that runs out of memory lead to another plan;
    what has run by then is kept, so that nothing runs twice for it.

    Raises:
        UserError: the recipe is wrong, results or files cannot be written, or values go missing without end.
    """
    began = time.monotonic()
    # Built once: seeds that are drawn stay the same whatever happens.
    graph = session.graph(composition)
    choices = choices_of(graph, replace(wishes, refresh=wishes.refresh or wishes.twice))
    total, losses = Outcome(), 0
    while True:
        prepared = session.prepare_graph(composition, graph, choices)
        if not losses and not total.ran and not total.sparing:
            _tell_start(session, prepared)
        attempt = _Attempt(
            session, prepared, out, keep_going=keep_going, metadata=metadata, twice=wishes.twice
        )
        outcome, writer = attempt.carry_out()
        total = replace(
            outcome,
            ran=[*total.ran, *outcome.ran],
            sparing=total.sparing | outcome.sparing,
            differing=[*total.differing, *outcome.differing],
        )
        if not outcome.again or outcome.interrupted:
            break
        losses += not outcome.sparing
        if losses > _MOST_LOSSES:
            raise UserError(
                Problem("SDF505", "stored values go missing again and again", hint="try --no-cache")
            )
        if outcome.lost is not None and outcome.lost.damaged:
            session.listener(Warned(outcome.lost.problem.message))
        if outcome.changed is not None:
            session.listener(Warned(str(outcome.changed)))
        for number in outcome.sparing:
            session.sparing.add(prepared.plan.keys[number].key)
        choices = replace(choices, done=choices.done | frozenset(outcome.ran))
    seconds = time.monotonic() - began
    session.listener(
        RunFinished(
            len(total.ran),
            len(total.failed),
            len(total.skipped),
            round(seconds, 3),
            total.interrupted,
            len(total.differing) if wishes.twice else None,
        )
    )
    return RunResult(prepared, total, writer.paths, seconds, writer.missing)


def _tell_start(session: Session, prepared: Prepared) -> None:
    made = prepared.plan
    cached = sum(node.status == "cached" for node in made.nodes.values())
    session.listener(RunStarted(prepared.composition.file, len(made.order), cached, session.device.name))
    for name, fields in drawn(made).items():
        session.listener(SeedDrawn(name, fields["seed"]))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One plan, carried out with all that goes with it: outputs, pins, and what is remembered afterwards."""

    session: Session
    prepared: Prepared
    out: Path | None
    keep_going: bool
    metadata: bool
    twice: bool = False

    def carry_out(self) -> tuple[Outcome, OutputWriter]:
        """Run the plan's nodes and write its files.

        Raises:
            UserError: results or files cannot be written.
        """
        session, made = self.session, self.prepared.plan
        if made.order:
            session.store.prepare()
        writer = self._writer()
        outputs = {output.wire.node for output in made.graph.outputs} if self.out else set()
        outputs = {n for n in outputs if n in made.nodes and made.nodes[n].status in ("run", "cached")}

        def ready(number: int) -> None:
            if number in outputs:
                execution.write_beside(lambda: writer.of_node(number, made.keys))

        execution = Execution(made, self._surroundings(ready), keep_going=self.keep_going)
        with self._remembering(execution, writer), self._pinned():
            for number in sorted(outputs - set(made.order)):
                ready(number)
            try:
                execution.run()
            except LostValueError as lost:
                execution.outcome.lost = lost
        return execution.outcome, writer

    @contextmanager
    def _remembering(self, execution: Execution, writer: OutputWriter) -> Iterator[None]:
        """Whatever happens, what has run is remembered, and so is what was written."""
        try:
            yield
        finally:
            self._remember(execution.outcome)
            writer.written.write()

    @contextmanager
    def _pinned(self) -> Iterator[None]:
        """Nothing that the plan may read is evicted while it runs; Ctrl-C asks to stop."""
        made = self.prepared.plan
        keys = [keyed.key for keyed in made.keys.values()]
        for number in made.order:
            item = made.graph.nodes[number]
            for _, wire in item.inputs:
                planned = made.inferred[wire.node][wire.port]
                if isinstance(planned, TrajectorySpec):
                    way = made.keys[wire.node].trajectory
                    keys += [state_key(way, step) for step in item.node.states_needed(planned)]
        with stop_on_interrupt(self.session.stop), self.session.store.running(keys):
            yield

    def _surroundings(self, ready: Callable[[int], None]) -> Surroundings:
        session, facts = self.session, self.prepared.facts

        def measured(planned: PlannedNode, seconds: float) -> None:
            session.rates.add(planned.item.node.name, planned.scale, planned.cost.work, seconds)

        def unchanged(name: str) -> None:
            session.unchanged(facts.file(name).path, facts.file(name).digest)

        return Surroundings(
            facts=facts,
            results=session.results,
            pool=lambda: session.pool,
            environment=environment(session.device),
            listener=session.listener,
            stop=session.stop,
            measured=measured,
            ready=ready,
            unchanged=unchanged,
            save_every=session.settings.save_every,
            twice=self.twice,
        )

    def _writer(self) -> OutputWriter:
        prepared, session = self.prepared, self.session
        digests = {name: file.digest for name, file in prepared.facts.files.items()}

        origins = Origins(prepared.composition, prepared.plan, digests) if self.metadata else None

        def texts(output: GraphOutput, index: int, made_in: Mapping[str, Json]) -> Mapping[str, str]:
            return origins.texts(output, index=index, environment=made_in) if origins is not None else {}

        written = WrittenFiles.read(session.store.root / "written.json")
        folder = (self.out or Path()).resolve()
        withheld = Withheld(prepared.plan, session.results.value)
        return OutputWriter(
            prepared.plan, folder, session.results, written, session.listener, texts, withheld.by
        )

    def _remember(self, outcome: Outcome) -> None:
        """What ran is what the next plan's reasons compare with."""
        session, made = self.session, self.prepared.plan
        cached = [n for n, node in made.nodes.items() if node.status == "cached"]
        done = {*outcome.ran, *cached}
        keys = {
            place: made.keys[number].key
            for place, number in made.graph.names.items()
            if number in made.keys and number in done
        }
        identity = self.prepared.composition.identity
        if keys and (outcome.ran or keys != session.index.previous(identity)):
            session.index.remember(identity, keys)
        session.store.touch(made.keys[number].key for number in cached)
        if outcome.ran:
            session.rates.write()
            session.store.trim()
