"""Broken recipes as files: each ends in comments that say what must be found in it, `# expect: SDF108 4:1`.

A room with mistakes of its own keeps such files in a folder of its own and runs them through `found_and_expected`
with a function that gives the problems of a file.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from sdflow.problems import Problem, UserError
from sdflow.recipe import draft, examine_file

_EXPECT = re.compile(r"^# expect: (SDF\d{3}) (\d+):(\d+)$", re.MULTILINE)
Found = list[tuple[str, int, int]]


def problems_of(path: Path) -> Sequence[Problem]:
    """What reading and composing a recipe finds."""
    try:
        return draft(examine_file(path)).problems
    except UserError as error:
        return error.problems


def expected_in(path: Path) -> Found:
    """The code, line and column of everything that the file says it has wrong."""
    found = _EXPECT.findall(path.read_text(encoding="utf-8"))
    return sorted((code, int(line), int(column)) for code, line, column in found)


def found_in(path: Path, problems_of: Callable[[Path], Sequence[Problem]]) -> Found:
    """The code, line and column of everything that is found; -1 for what has no position."""
    return sorted(
        (problem.code, problem.position.line, problem.position.column)
        if problem.position is not None
        else (problem.code, -1, -1)
        for problem in problems_of(path)
    )
