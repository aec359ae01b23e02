"""A run on a terminal: a line per running node with bar and time left, and what is finished above."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from sdflow.cli.display_lines import failure_lines, finished_node_line, other_line, started_line, summary_line
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


class _Bar(BarColumn):
    """A bar for what has steps, nothing for what has none: there the spinner is enough."""

    def render(self, task: Task) -> object:  # type: ignore[override]  # any renderable will do
        return super().render(task) if task.total else Text()


class _Figures(ProgressColumn):
    """`12/25  3.1 steps/s  4 s left` or `1.2 GB of 3.4 GB  80 MB/s  28 s left`."""

    def render(self, task: Task) -> Text:
        if not task.total:
            return Text(duration(task.elapsed or 0.0), style="dim")
        steps = not task.fields.get("download")
        done, total = int(task.completed), int(task.total)
        parts = [f"{done}/{total}" if steps else f"{size(done)} of {size(total)}"]
        if task.speed:
            parts.append(f"{task.speed:.1f} steps/s" if steps else f"{size(task.speed)}/s")
            parts.append(f"{duration((total - done) / task.speed)} left")
        return Text("  ".join(parts))


class _Terminal:
    """The state of the display: tasks of what is running, reasons, and paths to print at the end."""

    def __init__(self) -> None:
        colour = not os.environ.get("NO_COLOR")
        self.console = Console(stderr=True, no_color=not colour, highlight=False)
        self.progress: Progress | None = None
        self.tasks: dict[str, TaskID] = {}
        self.reasons: dict[str, str] = {}
        self.paths: list[str] = []
        self.cached = 0

    def show(self, event: Event) -> None:
        """Take an event."""
        match event:
            case RunStarted():
                self.cached = event.cached
                self.print(started_line(event))
                self.progress = self._new_progress()
                self.progress.start()
            case NodeStarted():
                self.reasons[event.node] = event.reason
                self.task(event.node)
            case NodeProgress():
                self.update(self.task(event.node), event.done, event.total)
            case NodeFinished():
                self.remove(event.node)
                self.print(finished_node_line(event, self.reasons.pop(event.node, "")))
            case NodeFailed():
                self.remove(event.node)
                self.print(*failure_lines(event))
            case Downloading() if event.done < event.total:
                self.update(self.task(event.component, download=True), event.done, event.total)
            case OutputWritten():
                self.paths.append(event.path)
            case RunFinished():
                self.close()
                self.print(summary_line(event, self.cached))
            case _:
                if isinstance(event, Downloading):
                    self.remove(event.component)
                line = other_line(event)
                if line is not None:
                    self.print(line)

    def task(self, name: str, *, download: bool = False) -> TaskID:
        """The line of something that is running."""
        if name not in self.tasks and self.progress is not None:
            self.tasks[name] = self.progress.add_task(name, total=None, download=download)
        return self.tasks.get(name, TaskID(-1))

    def update(self, task: TaskID, done: int, total: int) -> None:
        """Move a bar."""
        if self.progress is not None:
            self.progress.update(task, completed=done, total=total)

    def remove(self, name: str) -> None:
        """Take a line away."""
        task = self.tasks.pop(name, None)
        if task is not None and self.progress is not None:
            self.progress.remove_task(task)

    def print(self, *lines: str) -> None:
        """Print above the running lines."""
        for line in lines:
            self.console.print(Text.from_ansi(line), soft_wrap=True)

    def close(self) -> None:
        """Take the running lines away and print the paths of what was written."""
        if self.progress is not None:
            self.progress.stop()
        self.progress = None
        self.tasks.clear()
        for path in self.paths:
            click.echo(path)
        self.paths.clear()

    def _new_progress(self) -> Progress:
        return Progress(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", markup=False, table_column=Column(max_width=40, no_wrap=True)),
            _Bar(bar_width=24),
            _Figures(),
            console=self.console,
            transient=True,
            refresh_per_second=10,
        )


@contextmanager
def terminal_display() -> Iterator[Listener]:
    """The display; closed also when the run ends with an error."""
    terminal, lock = _Terminal(), Lock()

    def listen(event: Event) -> None:
        with lock:
            terminal.show(event)

    try:
        yield listen
    finally:
        with lock:
            terminal.close()
