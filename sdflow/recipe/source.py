"""The text of a file, and the way from a character's index to its line and column."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from sdflow.problems import Position

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Source:
    """A text under the name that messages call it by. Indices count characters from 0."""

    file: str
    text: str = field(repr=False)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def position(self, start: int, end: int) -> Position:
        """The place of the characters from `start` to before `end`; what goes on in a next line is cut off."""
        start = min(start, len(self.text))
        row = bisect_right(self._starts, start) - 1
        next_row = self._starts[row + 1] if row + 1 < len(self._starts) else len(self.text)
        if end > next_row or end <= start:
            end = start + len(self.text[start:next_row].rstrip()) if end > next_row else start
        return Position(self.file, row + 1, start - self._starts[row] + 1, max(1, end - start))

    def inside(self, start: int, end: int, part: str, offset: int) -> Position:
        """The place of `part`, `offset` characters into the scalar between `start` and `end`.

        Where the scalar is written with escapes or over several lines, the whole scalar's place.
        """
        for quote in (0, 1):
            at = start + quote + offset
            if self.text.startswith(part, at) and at + len(part) <= end:
                return self.position(at, at + len(part))
        return self.position(start, end)
