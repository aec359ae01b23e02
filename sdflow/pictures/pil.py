"""Between `Image` values and Pillow's pictures."""

from typing import TYPE_CHECKING

from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage


def to_pil(image: Image, index: int = 0) -> "PilImage":
    """Item `index` of a batch as an 8-bit Pillow picture (RGB or RGBA), as a notebook shows it.

    Raises:
        IndexError: the batch has no such item.
    """
    import PIL.Image

    return PIL.Image.fromarray(eight_bits(image.pixels[index]))


def from_pil(picture: "PilImage") -> Image:
    """A batch of one: uint8[1, height, width, 3], or 4 channels when the picture has transparency."""
    import numpy as np

    mode = "RGBA" if picture.has_transparency_data else "RGB"
    return Image(np.array(picture.convert(mode), dtype=np.uint8)[None])


def eight_bits(pixels: "NDArray[np.uint8] | NDArray[np.uint16]") -> "NDArray[np.uint8]":
    """uint8 of the same shape; 16-bit values are rounded to the nearest."""
    import numpy as np

    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
