"""Only what is masked, large: the part of a picture around a mask, and its way back.

The arithmetic is that of diffusers' `padding_mask_crop` (`VaeImageProcessor.get_crop_region`, `resize` with the modes
`fill` and `crop`), so that the same box is cut out, to the pixel, and resized to the same bytes.
"""

from typing import TYPE_CHECKING, cast

from sdflow.pictures.composite import composite
from sdflow.pictures.items import image_of, item_of
from sdflow.pictures.mask import resized
from sdflow.pictures.resize import resampled
from sdflow.values.image import Image, Mask
from sdflow.values.region import Box, Region

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sdflow.pictures.items import Array, Pixels


def box_around(mask: "NDArray[np.uint8]", width: int, height: int, padding: int) -> Box:
    """The box around all that is not black, with padding, widened to the proportions of width × height.

    It stays within the picture, and so may keep other proportions. A black mask gives the whole picture.
    """
    import numpy as np

    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    high, wide = mask.shape
    if not len(rows):
        return Box(0, 0, wide, high)
    left, right = max(int(columns[0]) - padding, 0), min(int(columns[-1]) + 1 + padding, wide)
    top, bottom = max(int(rows[0]) - padding, 0), min(int(rows[-1]) + 1 + padding, high)
    proportion = width / height
    if (right - left) / (bottom - top) > proportion:
        top, bottom = _widened(top, bottom, (right - left) / proportion, high)
    else:
        left, right = _widened(left, right, (bottom - top) * proportion, wide)
    return Box(left, top, right - left, bottom - top)


def _widened(start: int, end: int, wanted: float, length: int) -> tuple[int, int]:
    """A span made longer on both sides alike, and moved back into 0 … length."""
    more = int(wanted - (end - start))
    start, end = start - more // 2, end + more - more // 2
    if end > length:
        start, end = start - (end - length), length
    if start < 0:
        start, end = 0, end - start
    return start, min(end, length)


def crop_to_mask(
    image: Image, mask: Mask, width: int, height: int, padding: int
) -> tuple[Image, Mask, Region]:
    """The part of each picture around its mask, and of the mask, at width × height, and where it was."""
    import numpy as np

    count = max(len(image.pixels), len(mask.pixels))
    old_height, old_width = image.pixels.shape[1:3]
    mask = resized(mask, old_width, old_height)
    boxes = tuple(box_around(plane, width, height, padding) for plane in mask.pixels)
    pictures, masks = [], []
    for index in range(count):
        box = boxes[index if len(boxes) > 1 else 0]
        picture = _cut(item_of(image.pixels, index), box)
        plane = _cut(item_of(mask.pixels, index), box)
        pictures.append(_filling(picture, width, height))
        masks.append(_filling(np.repeat(plane[..., None], 3, axis=-1), width, height)[..., 0])
    return (
        image_of(pictures),
        Mask(cast("NDArray[np.uint8]", np.stack(masks[: len(boxes)]))),
        Region(boxes, old_width, old_height),
    )


def paste_region(background: Image, image: Image, region: Region, mask: Mask | None = None) -> Image:
    """Pictures back in the places that they were cut from, where the mask (resized to the background) is not black."""
    count = max(len(background.pixels), len(image.pixels), len(region.boxes), len(mask.pixels) if mask else 1)
    sized = None if mask is None else resized(mask, region.width, region.height)
    made = []
    for index in range(count):
        box = region.boxes[index if len(region.boxes) > 1 else 0]
        below = item_of(background.pixels, index)
        above = _cropping(item_of(image.pixels, index), box.width, box.height)
        part = None if sized is None else Mask(_cut(item_of(sized.pixels, index), box)[None])
        pasted = composite(Image(below[None]), Image(above[None]), part, left=box.left, top=box.top)
        made.append(pasted.pixels[0])
    return image_of(made)


def _cut(pixels: "Array", box: Box) -> "Array":
    return cast("Array", pixels[box.top : box.top + box.height, box.left : box.left + box.width])


def _resized(pixels: "Pixels", width: int, height: int) -> "Pixels":
    return resampled(pixels, (max(1, width), max(1, height)), "lanczos")


def _filling(pixels: "Pixels", width: int, height: int) -> "Pixels":
    """All of it within width × height; what its edges are like fills up what is left."""
    high, wide = pixels.shape[:2]
    narrow = width / height < wide / high
    inner = (
        width if narrow else wide * height // high,
        height if not narrow else high * width // wide,
    )
    made = _resized(pixels, *inner)
    high, wide = made.shape[:2]
    canvas = _centred(made, width, height)
    # diffusers fills up with what Pillow makes of the edge itself, which is a little sharper than the outermost pixels.
    if narrow and height // 2 > high // 2:
        first = height // 2 - high // 2
        canvas[:first] = resampled(made, (wide, 1), "bicubic", (0, 0, wide, 0))
        canvas[first + high :] = resampled(made, (wide, 1), "bicubic", (0, high, wide, high))
    elif not narrow and width // 2 > wide // 2:
        first = width // 2 - wide // 2
        canvas[:, :first] = resampled(made, (1, high), "bicubic", (0, 0, 0, high))
        canvas[:, first + wide :] = resampled(made, (1, high), "bicubic", (wide, 0, wide, high))
    return canvas


def _cropping(pixels: "Pixels", width: int, height: int) -> "Pixels":
    """As much of it as fills width × height."""
    high, wide = pixels.shape[:2]
    broad = width / height > wide / high
    outer = (
        width if broad else wide * height // high,
        height if not broad else high * width // wide,
    )
    return _centred(_resized(pixels, *outer), width, height)


def _centred(pixels: "Pixels", width: int, height: int) -> "Pixels":
    """In the middle of a canvas: cut off, or with the outermost pixels repeated."""
    import numpy as np

    high, wide = pixels.shape[:2]
    rows = (np.arange(height) - (height // 2 - high // 2)).clip(0, high - 1)
    columns = (np.arange(width) - (width // 2 - wide // 2)).clip(0, wide - 1)
    return cast("Pixels", pixels[rows][:, columns])
