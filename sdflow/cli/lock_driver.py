"""Locks merged by their facts: a merge driver of git (gitattributes(5), `merge=`)."""

from collections.abc import Sequence
from pathlib import Path

import click

from sdflow.cli.git_attributes import install_driver
from sdflow.locking.lock import Lock
from sdflow.locking.merge import merge
from sdflow.locking.text import lock_text, parse_lock

EXIT_CONFLICT = 1
_COMMAND = "sdflow lock --driver %O %A %B"


def merge_files(paths: Sequence[Path]) -> int:
    """Merge as git asks: the common ancestor, ours (where the result goes) and theirs.

    Facts that both sides changed in different ways stay as ours has them, and git is told of a conflict.

    Raises:
        UserError: one of them is no lock.
    """
    if len(paths) != 3:  # noqa: PLR2004 - three sides
        raise click.UsageError("--driver is called by git, with three files")
    base, ours, theirs = (_read(path) for path in paths)
    merged, conflicts = merge(base, ours, theirs)
    paths[1].write_text(lock_text(merged), encoding="utf-8", newline="\n")
    for name in conflicts:
        click.echo(f"both sides changed {name}; `sdflow lock` says what it is now", err=True)
    return EXIT_CONFLICT if conflicts else 0


def install(here: Path, *, yes: bool) -> int:
    """Tell git of this repository how to merge locks, after asking.

    Raises:
        UserError: SDF740, there is no repository here.
    """
    settings = {"merge.sdflow-lock.name": "locks of sdflow", "merge.sdflow-lock.driver": _COMMAND}
    return install_driver(here, settings, ("*.lock merge=sdflow-lock",), yes=yes)


def _read(path: Path) -> Lock:
    text = path.read_text(encoding="utf-8")
    return parse_lock(text, str(path)) if text.strip() else Lock()
