"""A run as plain lines, for logs and pipes: no control characters, and steps only now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import click

from sdflow.cli.display_lines import failure_lines, finished_node_line, other_line, started_line, summary_line
from sdflow.cli.tables import plain, printable
from sdflow.cli.units import duration, size
from sdflow.engine.events import (
    Downloading,
    Event,
    Listener,
    NodeFailed,
    NodeFinished,
    NodeProgress,
    NodeStarted,
    OutputWritten,
    RunFinished,
    RunStarted,
)

_SECONDS_BETWEEN = 2.0
_SHARE_BETWEEN = 0.1
_SECONDS_WITHOUT = 5.0
"""Lines of one node come at least so many seconds apart, and then every tenth of the way or after a while."""


@dataclass(slots=True)
class _Running:
    """A node or download on its way: when it was heard of first and how far it was, and what was said last."""

    began: float
    first: int
    said_at: float
    said: float = 0.0


@dataclass(slots=True)
class _Lines:
    now: Callable[[], float]
    running: dict[str, _Running] = field(default_factory=dict)
    cached: int = 0

    def of(self, event: Event) -> list[str]:
        """What to print for an event."""
        match event:
            case RunStarted():
                self.cached = event.cached
                return [started_line(event)]
            case NodeStarted():
                return [f"  {event.node}: {printable(event.reason)}"]
            case NodeProgress():
                return self._progress(event.node, event.done, event.total, steps=True)
            case Downloading() if event.done < event.total:
                return self._progress(event.component, event.done, event.total, steps=False)
            case NodeFinished():
                self.running.pop(event.node, None)
                return [finished_node_line(event, "")]
            case NodeFailed():
                self.running.pop(event.node, None)
                return failure_lines(event)
            case RunFinished():
                self.running.clear()
                return [summary_line(event, self.cached)]
            case _:
                line = other_line(event)
                return [] if line is None else [line]

    def _progress(self, name: str, done: int, total: int, *, steps: bool) -> list[str]:
        """A line now and then."""
        now = self.now()
        known = self.running.setdefault(name, _Running(now, done, now))
        share = done / total if total else 1.0
        far = share - known.said >= _SHARE_BETWEEN
        if (
            done >= total
            or now - known.said_at < _SECONDS_BETWEEN
            or not (far or now - known.said_at >= _SECONDS_WITHOUT)
        ):
            return []
        known.said_at, known.said = now, share
        rate = (done - known.first) / (now - known.began)
        if rate <= 0:
            return []
        speed = f"{rate:.1f} steps/s" if steps else f"{size(rate)}/s"
        what = f"step {done}/{total}" if steps else f"{size(done)} of {size(total)}"
        return [f"  {name}: {what}, {speed}, {duration((total - done) / rate)} left"]


@contextmanager
def plain_display(now: Callable[[], float] = time.monotonic) -> Iterator[Listener]:
    """Lines on standard error, paths of output files on standard output."""
    lines, lock = _Lines(now), Lock()

    def listen(event: Event) -> None:
        with lock:
            if isinstance(event, OutputWritten):
                click.echo(event.path)
                return
            for line in lines.of(event):
                click.echo(plain(line), err=True)

    yield listen
