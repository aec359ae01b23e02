"""Text in columns and colours, plain where colours are not wanted."""

import os
import re
import unicodedata
from collections.abc import Collection, Sequence

_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_STYLES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def paint(text: str, style: str) -> str:
    """Text in a style (`dim`, `bold`, `red`, …); as it is where NO_COLOR is set (https://no-color.org).

    `click.echo` removes it again when the output is no terminal.
    """
    if not text or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def plain(text: str) -> str:
    """Text without colours."""
    return _ESCAPE.sub("", text)


def printable(text: str) -> str:
    """Text on one line, without characters that could steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def width_of(text: str) -> int:
    """Columns that a text takes in a terminal."""
    text = plain(text)
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)


def shortened(text: str, width: int) -> str:
    """A text without colours, cut to a width with `…` where it is longer."""
    if width_of(text) <= width:
        return text
    kept = ""
    for character in text:
        if width_of(kept + character) >= width:
            break
        kept += character
    return f"{kept.rstrip()}…"


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    elastic: int | None = None,
    width: int = 0,
    indent: str = "",
    wrap: bool = False,
) -> str:
    """Rows in columns, two spaces apart, under a dim head (none where all its cells are empty).

    Columns in `right` are set flush right. When the table is wider than `width` (0: any width), the cells of
    the column `elastic` are shortened to make it fit; with `wrap` they go on in lines below instead.
    """
    lines = [list(row) for row in (head, *rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(head))]
    if elastic is not None and width:
        spare = width - len(indent) - sum(widths) - 2 * (len(widths) - 1)
        widths[elastic] = max(
            width_of(head[elastic]), min(8, widths[elastic]), widths[elastic] + min(0, spare)
        )
        if wrap:
            lines = [part for line in lines for part in _wrapped(line, elastic, widths[elastic])]
        for line in lines:
            line[elastic] = _fitted(line[elastic], widths[elastic])
    shown = [
        indent
        + "  ".join(_aligned(cell, widths[at], to_right=at in right) for at, cell in enumerate(line)).rstrip()
        for line in lines
    ]
    return "\n".join([*([paint(shown[0], "dim")] if any(head) else []), *shown[1:]])


def terminal_width() -> int:
    """Columns of the terminal, 100 where there is none, at least 60."""
    import shutil

    return max(60, min(shutil.get_terminal_size((100, 24)).columns, 140))


def _wrapped(line: list[str], column: int, width: int) -> list[list[str]]:
    """The line with what does not fit into a column of it, which has no colours, in lines below."""
    import textwrap

    parts = textwrap.wrap(line[column], max(1, width)) or [""]
    first = [*line[:column], parts[0], *line[column + 1 :]]
    return [first, *([""] * column + [part] + [""] * (len(line) - column - 1) for part in parts[1:])]


def _fitted(cell: str, width: int) -> str:
    if width_of(cell) <= width:
        return cell
    match = re.fullmatch(r"(\x1b\[[0-9;]*m)(.*)(\x1b\[0m)", cell)
    return f"{match[1]}{shortened(match[2], width)}{match[3]}" if match else shortened(plain(cell), width)


def _aligned(cell: str, width: int, *, to_right: bool) -> str:
    space = " " * (width - width_of(cell))
    return space + cell if to_right else cell + space
