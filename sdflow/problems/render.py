"""Problems as text for a terminal: each with its source line, a caret below it, and what to do."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from sdflow.problems.problem import Position, Problem

WIDTH = 100
"""Most terminal columns of a source line; of a longer one, the part around the caret is shown."""
_BEFORE_CARET = 40
_TAB = "    "
_LINE_BREAK = re.compile(r"\r\n|\r|\n")

_BOLD, _RED, _CYAN, _PLAIN = "\x1b[1m", "\x1b[31m", "\x1b[36m", "\x1b[0m"


def render(problems: Iterable[Problem], sources: Mapping[str, str], *, colour: bool = False) -> str:
    """All problems by position, equal ones once, those without a position last.

    `sources` gives the text of each file that positions name; without it, a problem is shown without its line.
    What came from a file is made printable, so that no text of a recipe can steer the terminal.
    """
    lines: dict[str, list[str]] = {}
    shown: list[str] = []
    for problem in sorted(dict.fromkeys(problems), key=_order):
        file = problem.position.file if problem.position is not None else None
        if file is not None and file not in lines and file in sources:
            lines[file] = _LINE_BREAK.split(sources[file])
        shown.append(_one(problem, lines.get(file or "", ()), colour=colour))
    return "\n".join(shown)


def _order(problem: Problem) -> tuple[bool, Position, str, str]:
    position = problem.position
    return position is None, position or Position("", 0, 0), problem.code, problem.message


def _one(problem: Problem, lines: Sequence[str], *, colour: bool) -> str:
    def paint(text: str, *codes: str) -> str:
        return f"{''.join(codes)}{text}{_PLAIN}" if colour else text

    head = _printable(problem.line())
    if colour:
        before, code, after = head.partition(problem.code)
        head = f"{_BOLD}{before}{_PLAIN}{_BOLD}{_RED}{code}{_PLAIN}{_BOLD}{after}{_PLAIN}"
    parts = [head]
    position = problem.position
    if position is not None and 0 < position.line <= len(lines):
        line, caret = excerpt(lines[position.line - 1], position.column - 1, position.length)
        parts += [f"  {line}", f"  {paint(caret, _BOLD, _RED)}"]
    if position is not None and position.via is not None:
        parts.append(f"  {_printable(str(position.via))}")
    if problem.hint:
        parts.append(f"  {paint('hint:', _CYAN)} {_printable(problem.hint)}")
    return "\n".join(parts)


def excerpt(line: str, start: int, length: int) -> tuple[str, str]:
    """A source line as a terminal shows it, and the line with the caret below it.

    `start` (from 0) and `length` count characters of `line`. Tabs take four columns, wide characters two.
    """
    start = min(max(start, 0), len(line))
    first = _first_shown(line, start)
    # Enough for a full line; a file may be one line of megabytes.
    cells = [_cell(character) for character in line[first : start + 4 * WIDTH]]
    widths = [_width(cell) for cell in cells]
    last, used = 0, 0
    while last < len(cells) and used + widths[last] <= WIDTH:
        used += widths[last]
        last += 1
    head, tail = "…" if first else "", "…" if first + last < len(line) else ""
    before, end = start - first, min(max(start + length, start + 1) - first, last)
    caret = " " * (len(head) + sum(widths[:before]))
    text = head + "".join(cells[:last]) + tail
    return text.rstrip(), caret + "^" + "~" * (sum(widths[before:end]) - 1)


def _first_shown(line: str, start: int) -> int:
    """The first character to show: 0 when the line fits, else some way before the caret."""
    if len(line) <= WIDTH and sum(_width(_cell(character)) for character in line) <= WIDTH:
        return 0
    first, used = start, 0
    while first > 0 and start - first < WIDTH and used < _BEFORE_CARET:
        first -= 1
        used += _width(_cell(line[first]))
    return first


def _cell(character: str) -> str:
    """What is shown for one character: itself, spaces for a tab, a replacement for what cannot be seen."""
    if character == "\t":
        return _TAB
    return character if character.isprintable() else "\ufffd"


def _width(cell: str) -> int:
    """Terminal columns of what `_cell` gives."""
    if len(cell) > 1:
        return len(cell)
    if unicodedata.category(cell) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(cell) in ("W", "F") else 1


def _printable(text: str) -> str:
    """The text with what cannot be seen written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
