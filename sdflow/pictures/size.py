"""The size a picture will have after a resize: arithmetic only, for planning."""

from typing import Literal, TypeAlias

from sdflow.pictures.opening import MAX_PIXELS
from sdflow.problems import problem

Fit: TypeAlias = Literal["stretch", "cover", "contain", "pad"]
FITS: tuple[Fit, ...] = ("stretch", "cover", "contain", "pad")


def size_after(
    size: tuple[int, int],
    width: int | None = None,
    height: int | None = None,
    *,
    scale: float | None = None,
    multiple_of: int = 1,
    fit: Fit = "stretch",
) -> tuple[int, int]:
    """Width and height that `resize` gives to a picture of `size` (width, height).

    One of `width` and `height` alone keeps the picture's proportions, and so does `scale`. Of both, `contain`
    takes the largest size with the picture's proportions that fits inside; the others take them as they are.
    Every side is then rounded to the nearest multiple of `multiple_of`, and never to nothing.

    Raises:
        UserError: SDF347, no size is named, or two that contradict each other, or an impossible one.
    """
    old_width, old_height = size
    _refuse(width, height, scale, multiple_of)
    if scale is not None:
        wanted = (old_width * scale, old_height * scale)
    elif width is None or height is None:
        ratio = width / old_width if width is not None else (height or 0) / old_height
        wanted = (width or old_width * ratio, height or old_height * ratio)
    elif fit == "contain":
        ratio = min(width / old_width, height / old_height)
        wanted = (old_width * ratio, old_height * ratio)
    else:
        wanted = (width, height)
    new_width, new_height = (_rounded(side, multiple_of) for side in wanted)
    if new_width * new_height > MAX_PIXELS:
        message = f"a resize to {new_width}×{new_height} is more than {MAX_PIXELS // 10**6} megapixels"
        raise problem("SDF347", message)
    return new_width, new_height


def _rounded(side: float, multiple: int) -> int:
    """The nearest multiple, halves upwards, at least one."""
    return max(1, int(min(side, 1e9) / multiple + 0.5)) * multiple


def _refuse(width: int | None, height: int | None, scale: float | None, multiple_of: int) -> None:
    if width is None and height is None and scale is None:
        raise problem("SDF347", "a resize needs a width, a height or a scale")
    if scale is not None and (width is not None or height is not None):
        raise problem("SDF347", "a resize takes either a scale or a width and height, not both")
    if scale is not None and not 0 < scale < float("inf"):
        raise problem("SDF347", f"scale {scale:g} is not above zero")
    for name, value in (("width", width), ("height", height), ("multiple-of", multiple_of)):
        if value is not None and value < 1:
            raise problem("SDF347", f"{name} {value} is less than 1")
