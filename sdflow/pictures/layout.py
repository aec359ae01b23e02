"""Where everything stands on a contact sheet: arithmetic only, so that planning knows its size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sdflow.pictures.lettering import LINE_HEIGHT, width_of, wrapped
from sdflow.pictures.opening import MAX_PIXELS
from sdflow.pictures.sheet import NO_WORDS, Align, Box, Line, Sheet, Side, Wording
from sdflow.pictures.size import size_after
from sdflow.problems import problem

_LABEL_LINES = 3
_HEADER_LINES = 3
_TITLE_LINES = 3


def grid_size(
    sizes: Sequence[tuple[int, int]],
    *,
    columns: int | None = None,
    labels: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    title: str = "",
    side: Side = "below",
    cell: tuple[int, int] | None = None,
    gap: int | None = None,
    text_size: int | None = None,
) -> tuple[int, int]:
    """Width and height of the sheet that `grid` makes of pictures of these sizes (width, height).

    Raises:
        UserError: SDF348.
    """
    wording = Wording(tuple(labels), tuple(row_labels), tuple(column_labels), title, side)
    sheet = lay_out(sizes, columns=columns, wording=wording, cell=cell, gap=gap, text_size=text_size)
    return sheet.width, sheet.height


def columns_for(count: int, cell: tuple[int, int]) -> int:
    """How many columns make a sheet of `count` cells nearest to a square, empty cells and all counted."""

    def badness(columns: int) -> tuple[float, int]:
        rows = -(-count // columns)
        proportion = math.log(columns * cell[0] / (rows * cell[1]))
        empty = rows * columns - count
        # A sheet a little wider than high suits screens; half-empty rows suit nobody.
        return abs(proportion - math.log(1.2)) + 3 * empty / count, columns

    return min(range(1, count + 1), key=badness)


def lay_out(
    sizes: Sequence[tuple[int, int]],
    *,
    columns: int | None = None,
    wording: Wording = NO_WORDS,
    cell: tuple[int, int] | None = None,
    gap: int | None = None,
    text_size: int | None = None,
) -> Sheet:
    """Lay out pictures of these sizes (width, height) row by row, enlarged or shrunk into equal cells.

    A cell is as wide and as high as the widest and highest picture unless given, `gap` pixels from the next.

    Raises:
        UserError: SDF348, words and pictures do not match, or the sheet is too large.
    """
    if not sizes:
        raise problem("SDF348", "a sheet needs at least one picture")
    cell = cell or (max(width for width, _ in sizes), max(height for _, height in sizes))
    count = _columns(sizes, columns, wording, cell)
    _refuse(sizes, count, wording, gap)
    size = text_size or min(40, max(11, round(min(cell) / 18)))
    gap = max(4, round(min(cell) / 28)) if gap is None else gap
    sheet = _placed(sizes, wording, _Measures(cell, count, gap, size, wording.any()))
    if sheet.width * sheet.height > MAX_PIXELS:
        raise problem(
            "SDF348",
            f"a sheet of {sheet.width}×{sheet.height} is more than {MAX_PIXELS // 10**6} megapixels",
            hint="give the cells a smaller size",
        )
    return sheet


def _columns(
    sizes: Sequence[tuple[int, int]], columns: int | None, wording: Wording, cell: tuple[int, int]
) -> int:
    if columns is not None:
        return columns
    if wording.columns:
        return len(wording.columns)
    if wording.rows:
        return -(-len(sizes) // len(wording.rows))
    return columns_for(max(1, len(sizes)), cell)


def _refuse(sizes: Sequence[object], columns: int, wording: Wording, gap: int | None) -> None:
    def counted(found: Sequence[str], what: str, wanted: int) -> None:
        if found and len(found) != wanted:
            raise problem("SDF348", f"a sheet has {len(found)} {what} for {wanted}")

    if columns < 1:
        raise problem("SDF348", f"a sheet cannot have {columns} columns")
    if gap is not None and gap < 0:
        raise problem("SDF348", f"the gap {gap} is less than 0")
    counted(wording.labels, "labels", len(sizes))
    counted(wording.columns, "column headers", columns)
    counted(wording.rows, "row headers", -(-len(sizes) // columns))


@dataclass(frozen=True, slots=True)
class _Measures:
    """What the parts of one sheet share: the cell's size and the distances, in pixels."""

    cell: tuple[int, int]
    columns: int
    gap: int
    size: int
    worded: bool

    @property
    def margin(self) -> int:
        """Around everything; words want a little more room than pictures."""
        return max(self.gap, self.size) if self.worded else self.gap

    @property
    def pad(self) -> int:
        """Between a picture and its words."""
        return round(self.size * 0.45)

    def left(self, column: int, start: int) -> int:
        """Left edge of a column, the first of which begins at `start`."""
        return start + column * (self.cell[0] + self.gap)

    def middle(self, column: int, start: int) -> int:
        """Middle of a column."""
        return self.left(column, start) + self.cell[0] // 2


def _placed(sizes: Sequence[tuple[int, int]], wording: Wording, measures: _Measures) -> Sheet:
    """The sheet from top to bottom: title, headers of the columns, rows."""
    headers, header_width = _row_headers(wording, measures)
    start = measures.margin + (header_width + max(measures.pad, measures.gap) if headers else 0)
    width = measures.left(measures.columns, start) - measures.gap + measures.margin

    title_size = round(measures.size * 1.35)
    title = wrapped(wording.title, title_size, width - 2 * measures.margin, _TITLE_LINES)
    lines = _stacked(title, measures.margin, measures.margin, title_size, "left", strong=True)
    top = measures.margin + (_block(len(title), title_size) + measures.size if title else 0)
    heads, top = _column_headers(wording, measures, start, top)
    lines += heads

    pictures: list[Box] = []
    bottom = top
    for row in range(-(-len(sizes) // measures.columns)):
        places = range(row * measures.columns, min(len(sizes), (row + 1) * measures.columns))
        labels = [
            wrapped(wording.labels[place], measures.size, measures.cell[0], _LABEL_LINES)
            if wording.labels
            else ()
            for place in places
        ]
        row_top, bottom, label_lines = _row(labels, wording.side, measures, start, top)
        lines += label_lines
        for column, place in enumerate(places):
            pictures.append(_inside(sizes[place], Box(measures.left(column, start), row_top, *measures.cell)))
        if headers:
            middle = row_top + (measures.cell[1] - _block(len(headers[row]), measures.size)) // 2
            right = measures.margin + header_width
            lines += _stacked(headers[row], right, middle, measures.size, "right", strong=True)
        labelled = bottom > row_top + measures.cell[1] or row_top > top
        top = bottom + (max(measures.gap, measures.size) if labelled else measures.gap)
    return Sheet(width, bottom + measures.margin, tuple(pictures), tuple(lines))


def _row_headers(wording: Wording, measures: _Measures) -> tuple[list[tuple[str, ...]], int]:
    """The lines of each row's header, and the width that they share."""
    limit = max(measures.cell[0] * 0.5, measures.size * 7)
    headers = [wrapped(text, measures.size, limit, _HEADER_LINES) for text in wording.rows]
    widest = max((width_of(line, measures.size) for header in headers for line in header), default=0)
    return headers, math.ceil(widest)


def _column_headers(wording: Wording, measures: _Measures, start: int, top: int) -> tuple[list[Line], int]:
    """The lines over the columns, and where the rows begin."""
    headers = [wrapped(text, measures.size, measures.cell[0], _HEADER_LINES) for text in wording.columns]
    high = max(map(len, headers), default=0)
    if not high:
        return [], top
    bottom = top + _block(high, measures.size)
    lines: list[Line] = []
    for column, header in enumerate(headers):
        # A short header beside longer ones stands on the pictures, too.
        own_top = bottom - _block(len(header), measures.size)
        middle = measures.middle(column, start)
        lines += _stacked(header, middle, own_top, measures.size, "centre", strong=True)
    return lines, bottom + measures.pad


def _row(
    labels: Sequence[Sequence[str]], side: Side, measures: _Measures, start: int, top: int
) -> tuple[int, int, list[Line]]:
    """The top of a row's pictures, the bottom of the row, and its labels."""
    high = max(map(len, labels))
    room = _block(high, measures.size) + measures.pad if high else 0
    picture_top = top + room if side == "above" else top
    lines: list[Line] = []
    for column, label in enumerate(labels):
        above = picture_top - measures.pad - _block(len(label), measures.size)
        below = picture_top + measures.cell[1] + measures.pad
        middle = measures.middle(column, start)
        lines += _stacked(label, middle, above if side == "above" else below, measures.size, "centre")
    return picture_top, top + room + measures.cell[1], lines


def _stacked(
    lines: Sequence[str], x: int, top: int, size: int, align: Align, *, strong: bool = False
) -> list[Line]:
    return [
        Line(text, x, top + round(number * size * LINE_HEIGHT), size, align, strong)
        for number, text in enumerate(lines)
    ]


def _block(lines: int, size: int) -> int:
    """Height of so many lines of text."""
    return math.ceil(lines * size * LINE_HEIGHT)


def _inside(size: tuple[int, int], cell: Box) -> Box:
    """The picture as large as its cell allows, in the middle of it."""
    width, height = size_after(size, cell.width, cell.height, fit="contain")
    return Box(cell.left + (cell.width - width) // 2, cell.top + (cell.height - height) // 2, width, height)
