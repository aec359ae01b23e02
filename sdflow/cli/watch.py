"""`run --watch`: run again whenever the recipe or a file that it reads is saved."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import click

from sdflow.composition import Composition
from sdflow.graph.build import Graph
from sdflow.graph.field_kinds import file_fields
from sdflow.pictures.input_path import input_path
from sdflow.problems import UserError, problem

_POLL_SECONDS = 0.05
_INTERRUPTED = 130

State: TypeAlias = "dict[Path, tuple[int, int, int] | None]"
"""Time of change, size and inode of each file; None for one that is not there."""


def watch(
    once: Callable[[], int],
    files: Callable[[], Iterable[Path]],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Run `once`, and again after every save of one of `files`, until Ctrl-C; the exit code.

    `files` is asked anew around every run, for the recipe may name others then. A mistake in the recipe is
    printed and waits for the next save. Ctrl-C during a run stops the run; the next one leaves.
    """
    from sdflow.cli.main import show_problems

    try:
        while True:
            before = state_of(files())
            try:
                once()
            except UserError as error:
                show_problems(error)
            # What only this run has named is watched from now on; what was saved meanwhile counts as a save.
            before = {**state_of(files()), **before}
            click.echo("watching; Ctrl-C ends", err=True)
            wait_for_save(before, sleep)
    except KeyboardInterrupt:
        return _INTERRUPTED


def wait_for_save(before: State, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return when a file differs from `before` and has stopped changing.

    A file that is gone is being replaced, one without a byte being written: neither is a save.
    """
    last = before
    while True:
        now = state_of(before)
        settled = now == last and all(it is not None and it[1] for path, it in now.items() if before[path])
        if now != before and settled:
            return
        last = now
        sleep(_POLL_SECONDS)


def state_of(files: Iterable[Path]) -> State:
    """The state of files now."""
    state: State = {}
    for file in files:
        try:
            found = file.stat()
        except OSError:
            state[file] = None
        else:
            state[file] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return state


def files_of(composition: Composition, graph: Graph) -> list[Path]:
    """The files that go into a recipe beside its own: those that its nodes read, and recipes that it uses."""
    return [*input_files(graph, composition.base), *(used.path for used in composition.uses)]


def named_files(error: UserError) -> list[Path]:
    """The files that mistakes are in: a recipe that could not be read may use others."""
    named = {it.position.file for it in error.problems if it.position is not None}
    return [Path(name) for name in sorted(named) if Path(name).is_file()]


def input_files(graph: Graph, base: Path) -> list[Path]:
    """The files that the nodes of a graph read."""
    names = {
        str(name)
        for item in graph.nodes
        for field, _ in file_fields(type(item.node))
        if (name := getattr(item.node, field)) is not None
    }
    paths: list[Path] = []
    for name in sorted(names):
        with suppress(UserError):  # no file can have this name: planning says so
            paths.append(input_path(base, name))
    return paths


def refuse_standard_input(recipe: Path) -> None:
    """Refuse `-`, which can be read only once.

    Raises:
        UserError: that.
    """
    if str(recipe) == "-":
        raise problem("SDF728", "--watch needs the recipe in a file, not on standard input")
