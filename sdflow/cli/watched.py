"""What a report keeps of a run's events: when each node began and ended, and what went wrong."""

import time
from dataclasses import dataclass, field

from sdflow.cli.display_lines import differing_line
from sdflow.cli.tables import plain
from sdflow.engine.events import (
    Event,
    Listener,
    NodeDiffers,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    OutputWithheld,
    Warned,
)


@dataclass(slots=True)
class Moment:
    """When a node began and ended, on the clock of `time.monotonic`, and the memory that it took beside its inputs."""

    began: float
    ended: float | None = None
    peak_bytes: int | None = None


@dataclass(slots=True)
class Watched:
    """A listener that keeps notes and hands every event on. Nodes are known by the names that events have."""

    hand_on: Listener
    moments: dict[str, Moment] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Hear of an event, in whatever thread it happens."""
        match event:
            case NodeStarted():
                self.moments[event.node] = Moment(time.monotonic())
                self.reasons[event.node] = event.reason
            case NodeFinished():
                moment = self.moments[event.node]
                moment.ended, moment.peak_bytes = time.monotonic(), event.peak_bytes
            case NodeFailed():
                if event.node in self.moments:
                    self.moments[event.node].ended = time.monotonic()
                hint = f" ({event.hint})" if event.hint else ""
                self.failed[event.node] = f"{event.where}: {event.node}: {event.message}{hint}"
            case NodeSkipped():
                self.skipped[event.node] = event.because
            case OutputWithheld():
                self.notes.append(f"{event.path} was not written: {event.by} withholds it")
            case NodeDiffers():
                self.notes.append(plain(differing_line(event)))
            case Warned():
                self.notes.append(event.message)
            case _:
                pass
        self.hand_on(event)
