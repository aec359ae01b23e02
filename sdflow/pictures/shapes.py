"""Masks of simple shapes. A pixel belongs to a shape when its middle lies inside."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from sdflow.values.image import Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Bounds: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels; they may lie outside of the picture."""
Point: TypeAlias = tuple[float, float]


def pixels_within(start: float, end: float, length: int) -> range:
    """The pixels of a side of `length` whose middles lie in start … end."""
    return range(max(0, math.ceil(start - 0.5)), min(length, math.ceil(end - 0.5)))


def draw_shapes(
    width: int,
    height: int,
    *,
    rectangle: Bounds | None = None,
    ellipse: Bounds | None = None,
    polygon: Sequence[Point] = (),
) -> Mask:
    """All of these shapes, in white on black: uint8[1, height, width]."""
    import numpy as np

    drawn = np.zeros((height, width), dtype=np.uint8)
    if rectangle is not None:
        columns, rows = _inside(rectangle, width, height)
        drawn[rows, columns] = 255
    if ellipse is not None:
        drawn[_in_ellipse(ellipse, width, height)] = 255
    if polygon:
        drawn = np.maximum(drawn, _polygon(polygon, width, height))
    return Mask(drawn[None])


def _inside(bounds: Bounds, width: int, height: int) -> tuple[slice, slice]:
    left, top, right, bottom = bounds
    columns, rows = pixels_within(left, right, width), pixels_within(top, bottom, height)
    return slice(columns.start, columns.stop), slice(rows.start, rows.stop)


def _in_ellipse(bounds: Bounds, width: int, height: int) -> "NDArray[np.bool_]":
    import numpy as np

    left, top, right, bottom = bounds
    x = (np.arange(width) + 0.5 - (left + right) / 2) / ((right - left) / 2)
    y = (np.arange(height) + 0.5 - (top + bottom) / 2) / ((bottom - top) / 2)
    inside: NDArray[np.bool_] = x[None] ** 2 + y[:, None] ** 2 <= 1
    return inside


def _polygon(points: Sequence[Point], width: int, height: int) -> "NDArray[np.uint8]":
    """Row by row between its edges; where it crosses itself, what lies inside an even number of times is outside."""
    import numpy as np

    drawn = np.zeros((height, width), dtype=np.uint8)
    edges = list(zip(points, [*points[1:], points[0]], strict=True))

    def crossings(y: float) -> list[float]:
        across = (edge for edge in edges if (edge[0][1] <= y) != (edge[1][1] <= y))
        return sorted(x0 + (y - y0) * (x1 - x0) / (y1 - y0) for (x0, y0), (x1, y1) in across)

    for row in pixels_within(min(y for _, y in points), max(y for _, y in points), height):
        crossed = crossings(row + 0.5)
        for start, end in zip(crossed[::2], crossed[1::2], strict=True):
            inside = pixels_within(start, end, width)
            drawn[row, inside.start : inside.stop] = 255
    return drawn
