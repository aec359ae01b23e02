"""Masks out of masks: thresholds, growing, feathering, and several together."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from sdflow.pictures.items import image_of, item_of
from sdflow.pictures.mask import resized
from sdflow.values.image import Image, Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]

Combination: TypeAlias = Literal["union", "intersection", "difference", "exclusive"]


def adjusted(
    mask: Mask, *, threshold: int | None = None, invert: bool = False, grow: int = 0, feather: float = 0.0
) -> Mask:
    """A threshold, then the inverse, then growth by so many pixels, then a Gaussian blur of this radius.

    grow: below 0 the mask shrinks. Corners come out round (as octagons); beyond the edge a mask goes on as at the edge.
    feather: the radius of Pillow's GaussianBlur, as A1111's mask blur and diffusers' `VaeImageProcessor.blur`.
    """
    import numpy as np

    pixels = mask.pixels
    if threshold is not None:
        pixels = np.where(pixels >= threshold, np.uint8(255), np.uint8(0))
    if invert:
        pixels = 255 - pixels
    return Mask(np.stack([_feathered(_grown(item, grow), feather) for item in pixels]))


def _grown(plane: "Plane", count: int) -> "Plane":
    """Grey dilation (or, below 0, erosion) with an octagon: squares and crosses by turns."""
    import numpy as np

    if count < 0:
        return 255 - _grown(255 - plane, -count)
    for step in range(count):
        around = np.pad(plane, 1, mode="edge")
        rows = np.maximum(np.maximum(around[:-2], around[2:]), around[1:-1])
        if step % 2:
            plane = np.maximum(np.maximum(rows[:, :-2], rows[:, 2:]), rows[:, 1:-1])
        else:
            plane = np.maximum(np.maximum(around[1:-1, :-2], around[1:-1, 2:]), rows[:, 1:-1])
    return plane


def _feathered(plane: "Plane", radius: float) -> "Plane":
    import numpy as np
    import PIL.Image
    import PIL.ImageFilter

    if not radius:
        return plane
    blurred = PIL.Image.fromarray(plane).filter(PIL.ImageFilter.GaussianBlur(radius))
    return np.array(blurred, dtype=np.uint8)


def combined(masks: Sequence[Mask], how: Combination) -> Mask:
    """Masks of one size together; a batch of one serves all items of the others.

    union: the whitest of all. intersection: the blackest. difference: the first less the others. exclusive: what is
    in one of two, and so on from mask to mask.
    """
    import numpy as np

    def difference(one: "Plane", other: "Plane") -> "Plane":
        return np.minimum(one, 255 - other)

    def exclusive(one: "Plane", other: "Plane") -> "Plane":
        return np.maximum(one, other) - np.minimum(one, other)

    ways: dict[Combination, Callable[[Plane, Plane], Plane]] = {
        "union": np.maximum,
        "intersection": np.minimum,
        "difference": difference,
        "exclusive": exclusive,
    }
    count = max(len(mask.pixels) for mask in masks)
    items = []
    for index in range(count):
        first, *others = (item_of(mask.pixels, index) for mask in masks)
        for other in others:
            first = ways[how](first, other)
        items.append(first)
    return Mask(np.stack(items))


def mask_of_colour(
    image: Image, colour: tuple[int, int, int], tolerance: int, *, invert: bool = False
) -> Mask:
    """White where no channel is further than `tolerance` (of 255) from the colour."""
    import numpy as np

    from sdflow.pictures.pil import eight_bits

    away = np.abs(eight_bits(image.pixels)[..., :3].astype(np.int16) - np.array(colour, dtype=np.int16))
    inside = (away.max(axis=-1) <= tolerance) != invert
    return Mask(np.where(inside, np.uint8(255), np.uint8(0)))


def with_alpha(image: Image, mask: Mask) -> Image:
    """Pictures with these masks as their transparency: 255 is opaque."""
    import numpy as np

    scale = 1 if image.pixels.itemsize == 1 else 257
    count = max(len(image.pixels), len(mask.pixels))
    mask = resized(mask, image.pixels.shape[2], image.pixels.shape[1])
    made = []
    for index in range(count):
        pixels = item_of(image.pixels, index)
        alpha = item_of(mask.pixels, index).astype(pixels.dtype) * scale
        made.append(np.dstack([pixels[..., :3], alpha]))
    return image_of(made)
