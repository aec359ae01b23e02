"""What a run shows while it goes: chosen by where it is shown to.

Words and progress go to standard error, the paths of output files to standard output, one a line, so that
`sdflow run recipe.yaml | xargs open` works. With `--json`, standard output holds one event a line instead.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock

import click

from sdflow.engine.events import Event, Listener, NodeDiffers, NodeFailed, OutputWithheld, OutputWritten


def display(*, quiet: bool, as_json: bool) -> AbstractContextManager[Listener]:
    """A listener for the events of a run, which may come from several threads; closed when the run is over."""
    if as_json:
        return _json_lines()
    if quiet:
        return _only_paths()
    if sys.stderr.isatty():
        from sdflow.cli.display_terminal import terminal_display

        return terminal_display()
    from sdflow.cli.display_plain import plain_display

    return plain_display()


@contextmanager
def _json_lines() -> Iterator[Listener]:
    """Every event as a line of JSON, flushed, so that a program that reads them is never behind."""
    import json

    lock = Lock()

    def listen(event: Event) -> None:
        line = json.dumps(event.to_json(), ensure_ascii=False)
        with lock:
            click.echo(line)

    yield listen


@contextmanager
def _only_paths() -> Iterator[Listener]:
    """Paths of output files; and what failed or was not written, on standard error."""
    from sdflow.cli.display_lines import differing_line, failure_lines, withheld_line

    lock = Lock()

    def listen(event: Event) -> None:
        with lock:
            if isinstance(event, OutputWritten):
                click.echo(event.path)
            elif isinstance(event, NodeFailed):
                click.echo("\n".join(failure_lines(event)), err=True)
            elif isinstance(event, OutputWithheld):
                click.echo(withheld_line(event), err=True)
            elif isinstance(event, NodeDiffers):
                click.echo(differing_line(event), err=True)

    yield listen
