"""One picture over another (https://www.w3.org/TR/compositing-1/), where a mask is black to the byte the lower one."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from sdflow.pictures.items import image_of, item_of
from sdflow.pictures.mask import resized
from sdflow.values.image import Image, Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]
    Numbers = NDArray[np.float64]

Mode: TypeAlias = Literal[
    "normal",
    "multiply",
    "screen",
    "overlay",
    "soft-light",
    "hard-light",
    "darken",
    "lighten",
    "difference",
    "add",
    "subtract",
]

_ALPHA = 3


def composite(
    background: Image,
    foreground: Image,
    mask: Mask | None = None,
    *,
    left: int = 0,
    top: int = 0,
    mode: Mode = "normal",
    opacity: float = 1.0,
) -> Image:
    """The foreground over the background, its top left corner at `left`, `top` (which may be negative).

    How much of it is seen is the mask (resized to the foreground) times its own transparency times `opacity`. One item
    serves all of another batch. 16 bits stay where the background has them and the mode is normal.
    """
    below = background.pixels if mode == "normal" else _eight_bits(background.pixels)
    above = _as_deep(foreground.pixels, below)
    masks = None if mask is None else resized(mask, above.shape[2], above.shape[1]).pixels
    count = max(len(below), len(above), 0 if masks is None else len(masks))
    made = []
    for index in range(count):
        canvas = item_of(below, index).copy()
        upper = item_of(above, index)
        share = _share(upper, None if masks is None else item_of(masks, index), opacity)
        there, here = _overlap(canvas.shape, upper.shape, left, top)
        canvas[there] = _over(canvas[there], upper[here][..., :3], share[here], mode)
        made.append(canvas)
    return image_of(made)


def _overlap(
    below: tuple[int, ...], above: tuple[int, ...], left: int, top: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part that both have in common, in the pixels of the one and of the other."""
    spans = [
        (max(0, start), max(0, min(length, start + size)))
        for start, length, size in ((top, below[0], above[0]), (left, below[1], above[1]))
    ]
    (first, last), (begin, end) = spans
    return (
        (slice(first, last), slice(begin, end)),
        (slice(first - top, last - top), slice(begin - left, end - left)),
    )


def _share(upper: "Pixels", mask: "NDArray[np.uint8] | None", opacity: float) -> "Numbers":
    """How much of the upper picture is seen at each pixel, 0 to 1."""
    import numpy as np

    share = np.full(upper.shape[:2], opacity)
    if mask is not None:
        share = share * (mask / 255)
    return share * (upper[..., _ALPHA] / np.iinfo(upper.dtype).max) if upper.shape[2] > _ALPHA else share


def _over(lower: "Pixels", upper: "Pixels", share: "Numbers", mode: Mode) -> "Pixels":
    """Source over, with the lower picture's own transparency where it has one."""
    import numpy as np

    full = np.iinfo(lower.dtype).max
    colour = lower[..., :_ALPHA].astype(np.float64)
    cover = (
        lower[..., _ALPHA] / full if lower.shape[2] > _ALPHA else np.ones(lower.shape[:2], dtype=np.float64)
    )
    blended = blend(lower[..., :_ALPHA], upper, mode).astype(np.float64)
    if mode != "normal":  # over nothing, the upper picture is seen as it is
        blended = blended * cover[..., None] + upper * (1 - cover[..., None])
    together = share + cover * (1 - share)
    solid = np.where(together > 0, together, 1)[..., None]
    mixed = (blended * share[..., None] + colour * (cover * (1 - share))[..., None]) / solid
    made = mixed if lower.shape[2] == _ALPHA else np.dstack([mixed, together * full])
    return np.where(share[..., None] > 0, (made + 0.5).astype(lower.dtype), lower)


def blend(lower: "Pixels", upper: "Pixels", mode: Mode) -> "Pixels":
    """The colours of two pictures, [height, width, 3], mixed by Pillow's ImageChops; all but normal in 8 bits."""
    import numpy as np
    import PIL.Image
    from PIL import ImageChops

    if mode == "normal":
        return upper
    ways = {
        "multiply": ImageChops.multiply,
        "screen": ImageChops.screen,
        "overlay": ImageChops.overlay,
        "soft-light": ImageChops.soft_light,
        "hard-light": ImageChops.hard_light,
        "darken": ImageChops.darker,
        "lighten": ImageChops.lighter,
        "difference": ImageChops.difference,
        "add": ImageChops.add,
        "subtract": ImageChops.subtract,
    }
    one, other = (PIL.Image.fromarray(np.ascontiguousarray(it)) for it in (lower, upper))
    return np.array(ways[mode](one, other), dtype=np.uint8)


def _as_deep(pixels: "Pixels", like: "Pixels") -> "Pixels":
    import numpy as np

    if pixels.dtype == like.dtype:
        return pixels
    return _eight_bits(pixels) if like.dtype == np.uint8 else pixels.astype(np.uint16) * np.uint16(257)


def _eight_bits(pixels: "Pixels") -> "Pixels":
    from sdflow.pictures.pil import eight_bits

    return eight_bits(pixels)
