"""`git diff` with sdflow's words on recipes: an external diff command of git (gitattributes(5), `diff=`)."""

from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path

import click

from sdflow.cli.diff_text import diff_text
from sdflow.cli.git_attributes import install_driver
from sdflow.problems import UserError
from sdflow.review.differences import driven
from sdflow.review.side import is_recipe
from sdflow.workflow import Session

_COMMAND = "sdflow diff --driver"
_ATTRIBUTES = ("*.yaml diff=sdflow", "*.yml diff=sdflow")
_NOTHING = "/dev/null"
_GIVEN = 7


def driver_text(session: Session, arguments: Sequence[str]) -> str:
    """What to show for one file, out of what git gives: path, file, hash, mode, file, hash, mode.

    A file that is no recipe, or a broken one, is shown as text: a driver that fails would end all of `git diff`.
    """
    if len(arguments) < _GIVEN:
        raise click.UsageError("--driver is called by git, with seven arguments")
    name, before, _, _, after = arguments[:5]
    sides = [None if it == _NOTHING else Path(it) for it in (before, after)]
    if not any(is_recipe(side) for side in sides if side is not None):
        return _as_text(name, sides)
    try:
        found = driven(session, name, *sides)
    except UserError as error:
        return "\n".join([*(problem.line() for problem in error.problems), _as_text(name, sides)])
    return diff_text([found], "before", "now")


def _as_text(name: str, sides: Sequence[Path | None]) -> str:
    before, after = (
        [] if side is None else side.read_text(encoding="utf-8", errors="replace").splitlines()
        for side in sides
    )
    return "\n".join(unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm=""))


def install(here: Path, *, yes: bool) -> int:
    """Tell git of this repository how to show what changed in recipes, after asking.

    Raises:
        UserError: SDF740, there is no repository here.
    """
    return install_driver(here, {"diff.sdflow.command": _COMMAND}, _ATTRIBUTES, yes=yes)
