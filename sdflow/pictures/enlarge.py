"""A larger canvas for a picture, and a mask of what is new."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from sdflow.pictures.colour import parse_colour
from sdflow.pictures.fill import filled, noise
from sdflow.values.image import Image, Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]

Edge: TypeAlias = Literal["edge", "reflect", "blur", "noise", "colour"]
_ALPHA = 4
_OPAQUE = 255


@dataclass(frozen=True, slots=True)
class Sides:
    """Pixels to add on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def size_after(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the larger canvas."""
        return width + self.left + self.right, height + self.top + self.bottom


def channels_after_padding(channels: int, fill: Edge, colour: str) -> int:
    """3 or 4: how many channels `enlarge` leaves."""
    return _ALPHA if fill == "colour" and parse_colour(colour)[3] < _OPAQUE else channels


def enlarge(
    image: Image, sides: Sides, *, fill: Edge = "blur", colour: str = "black", seeds: Sequence[int] = ()
) -> Image:
    """Every picture on a larger canvas; what is new is filled from the picture, with noise or with a colour.

    edge repeats the outermost pixels, reflect mirrors the picture, blur goes on from it more softly the further away,
    noise is drawn by lot, with a seed for each item.
    """
    import numpy as np

    margins = ((0, 0), (sides.top, sides.bottom), (sides.left, sides.right), (0, 0))
    if fill in ("edge", "reflect"):
        return Image(
            cast("Pixels", np.pad(image.pixels, margins, mode="edge" if fill == "edge" else "reflect"))
        )
    padded = cast("Pixels", np.pad(image.pixels, margins, mode="edge"))
    if fill == "blur":
        new = new_part(sides, image.pixels.shape[2], image.pixels.shape[1])
        return filled(Image(padded), new, fill="blur")
    canvas = noise(padded.shape, padded.dtype, seeds) if fill == "noise" else _coloured(padded, colour)
    _, height, width, channels = image.pixels.shape
    inside = canvas[:, sides.top : sides.top + height, sides.left : sides.left + width]
    inside[...] = np.iinfo(canvas.dtype).max
    inside[..., :channels] = image.pixels
    return Image(canvas)


def _coloured(padded: "Pixels", colour: str) -> "Pixels":
    import numpy as np

    rgba = parse_colour(colour)
    channels = _ALPHA if rgba[3] < _OPAQUE else padded.shape[3]
    canvas = np.empty((*padded.shape[:3], channels), dtype=padded.dtype)
    canvas[:] = [part * (np.iinfo(padded.dtype).max // 255) for part in rgba[:channels]]
    return canvas


def new_part(sides: Sides, width: int, height: int, *, overlap: int = 0, feather: int = 0) -> Mask:
    """White where a picture of this size was enlarged: uint8[1, new height, new width].

    overlap: so many of the picture's own pixels beside a seam are white, too. feather: beyond those, it falls to black
    within so many pixels.
    """
    import numpy as np

    def distance(length: int, before: int, after: int) -> "NDArray[np.float64]":
        """How far each pixel of a side is from the nearest new one; 0 and below is new."""
        place = np.arange(length + before + after, dtype=np.float64) + 0.5
        from_start = place - before if before else np.full_like(place, np.inf)
        from_end = length + before - place if after else np.full_like(place, np.inf)
        return np.minimum(from_start, from_end)

    across = distance(width, sides.left, sides.right)
    down = distance(height, sides.top, sides.bottom)
    nearest = np.minimum(across[None], down[:, None]) - overlap
    share = np.where(nearest <= 0, 1.0, 0.0) if feather == 0 else 1 - nearest / feather
    return Mask((share.clip(0, 1) * 255 + 0.5).astype(np.uint8)[None])
