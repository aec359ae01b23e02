"""A contact sheet laid out: what goes where, and the words on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Side: TypeAlias = Literal["below", "above"]
Align: TypeAlias = Literal["left", "centre", "right"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text: `x` is its left end, middle or right end as `align` says, `top` its upper edge."""

    text: str
    x: int
    top: int
    size: int
    align: Align
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A laid-out contact sheet: its size, where each picture goes, and every line of text."""

    width: int
    height: int
    pictures: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """The words on a sheet; all may be left out.

    `labels` one per picture; `rows` and `columns` head the rows and columns of a matrix.
    """

    labels: Sequence[str] = ()
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    title: str = ""
    side: Side = "below"

    def any(self) -> bool:
        """Whether there is a word at all."""
        return bool(self.labels or self.rows or self.columns or self.title)


NO_WORDS = Wording()
