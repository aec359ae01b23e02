"""From a run that was watched to the page about it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdflow.cli.draw_svg import draw_svg
from sdflow.cli.drawing import drawing_of
from sdflow.cli.report_pictures import shown
from sdflow.cli.units import duration, size
from sdflow.cli.watched import Watched
from sdflow.cli.writing import write_text
from sdflow.engine.environment import environment
from sdflow.engine.events import Listener
from sdflow.engine.trace import MemoryTrace, Sample
from sdflow.graph.plan import Plan, PlannedNode
from sdflow.locking.lock import beside
from sdflow.pages.report import NodeRow, NodeStatus, RunReport, report_page
from sdflow.pages.timeline import Bar, Curve
from sdflow.recipe import to_yaml
from sdflow.values import Loadable
from sdflow.workflow import RunResult, Session

_DIGEST = 16
_COLOURED = frozenset({"run", "cached", "failed"})


def run_reported(
    session: Session, file: Path, command: str, listener: Listener, run: Callable[[Listener], RunResult]
) -> RunResult:
    """Run something, watch it, and write the page about it, also when nodes failed; `command` is how it was asked for.

    Raises:
        UserError: what `run` raises, or the page cannot be written.
    """
    watched = Watched(listener)
    with MemoryTrace(session.device) as trace:
        result = run(watched)
    write_text(file, report_page(_Reporter(session, result, watched, trace, command).report()))
    return result


@dataclass(frozen=True, slots=True)
class _Reporter:
    session: Session
    result: RunResult
    watched: Watched
    trace: MemoryTrace
    command: str

    def report(self) -> RunReport:
        composition, outcome = self.result.prepared.composition, self.result.outcome
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        facts = environment(self.session.device)
        resolved = composition.resolved
        lock = beside(composition)
        pictures, left_out = shown(self.session, self.result)
        statuses = {number: self._status(node) for number, node in self._plan.nodes.items()}
        drawing = drawing_of(self._plan.graph, {n: it for n, it in statuses.items() if it in _COLOURED})
        return RunReport(
            title=composition.name,
            description=str(resolved.get("description", "")),
            passed=not (outcome.failed or outcome.interrupted or outcome.differing),
            summary=self._summary(),
            made=f"{composition.file}, {when}",
            command=self.command,
            pictures=pictures,
            left_out=left_out,
            notes=(*self.watched.failed.values(), *self.watched.notes),
            graph=draw_svg(drawing, composition.name),
            nodes=tuple(self._row(node, statuses[number]) for number, node in self._plan.nodes.items()),
            bars=tuple(self._bars()),
            curves=tuple(self._curves()),
            length=duration(self._length),
            recipe=_recipe_text(Path(composition.file)) or to_yaml(dict(resolved)),
            uses=tuple((used.name, _recipe_text(used.path)) for used in composition.uses),
            models=tuple(_models(self._plan)),
            versions=tuple(_versions(facts)),
            lock=lock.read_text(encoding="utf-8") if lock.is_file() else "",
        )

    @property
    def _plan(self) -> Plan:
        return self.result.prepared.plan

    @property
    def _length(self) -> float:
        """Seconds from the first sample to the last."""
        return max(self.trace.samples[-1].seconds, 1e-3)

    def _status(self, node: PlannedNode) -> NodeStatus:
        name = node.item.name
        if name in self.watched.failed:
            return "failed"
        if name in self.watched.skipped:
            return "skipped"
        # What ran before a run had to plan again is kept by now, and ran all the same.
        return "run" if name in self.watched.moments else node.status

    def _summary(self) -> str:
        found = [self._status(node) for node in self._plan.nodes.values()]
        words = {"run": "ran", "cached": "kept", "failed": "failed", "skipped": "skipped"}
        counts = [f"{found.count(it)} {word}" for it, word in words.items() if it in found]
        device = self.session.device.name
        return f"{', '.join(counts)} in {duration(self.result.seconds)} on {device}"

    def _row(self, node: PlannedNode, status: NodeStatus) -> NodeRow:
        name, moment = node.item.name, self.watched.moments.get(node.item.name)
        record = self.session.store.peek(node.key) if node.key else None
        seconds = None if record is None else record.seconds
        peak = None if record is None else record.peak_bytes
        if moment is not None and moment.ended is not None:
            seconds, peak = moment.ended - moment.began, moment.peak_bytes
        why = self.watched.failed.get(name) or self.watched.skipped.get(name) or ""
        if status == "run":
            why = self.watched.reasons[name]
        took = "" if seconds is None or status == "skipped" else duration(seconds)
        return NodeRow(name, node.item.node.name, status, took, size(peak) if peak else "", why)

    def _bars(self) -> Iterator[Bar]:
        began, length = self.trace.began, self._length
        for name, moment in self.watched.moments.items():
            ended = length + began if moment.ended is None else moment.ended
            took = duration(ended - moment.began)
            begin, end = ((it - began) / length for it in (moment.began, ended))
            yield Bar(name, begin, end, took, failed=name in self.watched.failed)

    def _curves(self) -> Iterator[Curve]:
        samples = self.trace.samples
        yield from _curve("memory of the process", samples, lambda it: it.process, self._length)
        name = f"memory of tensors on {self.session.device.name}"
        yield from _curve(name, samples, lambda it: it.device, self._length)


def _curve(
    name: str,
    samples: Sequence[Sample],
    amount: Callable[[Sample], int | None],
    length: float,
) -> Iterator[Curve]:
    known = [(it.seconds / length, found) for it in samples if (found := amount(it)) is not None]
    most = max((it for _, it in known), default=0)
    if most:
        yield Curve(name, tuple((moment, it / most) for moment, it in known), size(most))


def _models(plan: Plan) -> Iterator[tuple[str, ...]]:
    """Each component once, at the first node that has it."""
    seen: set[str] = set()
    for number in plan.nodes:
        for value in plan.inferred.get(number, {}).values():
            for role, part in sorted(value.components.items()) if isinstance(value, Loadable) else ():
                if part.digest in seen:
                    continue
                seen.add(part.digest)
                place = part.location
                source = place.source.strip("`")
                source += f" @ {place.revision[:12]}" if place.revision else ""
                dtype = " ".join((part.dtype, *part.prepared))
                laid = [f"{it.kind} {it.location.source.strip('`')}" for it in part.adapters]
                yield (
                    plan.graph.nodes[number].origins[0].name,
                    role,
                    dtype,
                    ", ".join((source, *laid)),
                    part.digest[:_DIGEST],
                )


def _versions(facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    versions = facts.get("versions")
    yield from versions.items() if isinstance(versions, dict) else ()
    for name in ("python", "device", "processor", "threads"):
        yield name, str(facts.get(name, ""))


def _recipe_text(file: Path) -> str:
    """A recipe as it stands in its file; empty where it came from a picture or from standard input."""
    try:
        return file.read_text(encoding="utf-8") if file.suffix in (".yaml", ".yml") else ""
    except (OSError, UnicodeDecodeError):
        return ""
