"""Drivers of git: settings of a repository, and lines of its `.gitattributes`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from sdflow.problems import problem
from sdflow.review.git import Repository


def install_driver(here: Path, settings: Mapping[str, str], attributes: Sequence[str], *, yes: bool) -> int:
    """Show what is to be written, ask unless `yes`, and write it; the exit code.

    Raises:
        UserError: SDF740, there is no repository here.
    """
    repository = Repository.around(here)
    if repository is None:
        raise problem("SDF740", "this folder is in no git repository")
    file = repository.root / ".gitattributes"
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    missing = [line for line in attributes if line not in before.splitlines()]
    for name, value in settings.items():
        click.echo(f"git config {name} {value!r}")
    for line in missing:
        click.echo(f"{file.name}: {line}")
    if not yes and not click.confirm("Write this?"):
        return 1
    for name, value in settings.items():
        repository.set(name, value)
    if missing:
        joint = "" if not before or before.endswith("\n") else "\n"
        file.write_text(before + joint + "\n".join(missing) + "\n", encoding="utf-8")
    return 0
