"""An invisible watermark, as diffusers' SDXL pipelines put one in: the package invisible-watermark, method dwtDct.

Bits are written one after the other, again and again, into blocks of 8×8 pixels: into the largest element of the
blue difference after a step of Haar's wavelets. Whoever knows how many bits there are reads them back, by the average
of all blocks that hold a bit (`imwatermark.WatermarkDecoder("bits", count).decode(bgr, "dwtDct")`).
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from sdflow.values import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PACKAGES = {"imwatermark": "invisible-watermark", "pywt": "PyWavelets", "cv2": "opencv-python"}
_BLOCK = 8
_COLOURS = 3
_LEAST_PIXELS = 256 * 256
_SIXTEEN_BITS = 257

DIFFUSERS_BITS = "101100111110110010010000011110111011000110011110"
"""What diffusers' `StableDiffusionXLWatermarker` writes: 48 bits that say no more than that SDXL made it."""


def missing_requirement() -> str:
    """The package that is not installed; empty when all is there."""
    return next((package for module, package in _PACKAGES.items() if find_spec(module) is None), "")


def bits_of(message: str) -> str:
    """A text as bits of its UTF-8 bytes, the highest first, as `WatermarkDecoder("bytes", …)` reads them."""
    return "".join(f"{byte:08b}" for byte in message.encode())


def room(width: int, height: int) -> int:
    """How many bits a picture of so many pixels can hold; none below 256×256 pixels, which the package refuses."""
    if width * height < _LEAST_PIXELS:
        return 0
    return (width // _BLOCK) * (height // _BLOCK)


def watermarked(
    image: Image, bits: Sequence[int], on_item: Callable[[int, int], None] = lambda _done, _all: None
) -> Image:
    """Pictures with the bits in their colours, at the same depth; transparency stays as it was."""
    import numpy as np
    from imwatermark import WatermarkEncoder

    encoder = WatermarkEncoder()
    encoder.set_watermark("bits", list(bits))
    deep = image.pixels.itemsize > 1
    made = image.pixels.copy()
    for number, picture in enumerate(image.pixels):
        colours = picture[..., :_COLOURS].astype(np.float32) / (_SIXTEEN_BITS if deep else 1)
        bgr = np.ascontiguousarray(colours[..., ::-1])
        marked = cast("NDArray[np.float32]", encoder.encode(bgr, "dwtDct"))[..., ::-1]
        levels = np.clip(marked, 0, 255) * (_SIXTEEN_BITS if deep else 1)
        made[number, ..., :_COLOURS] = np.rint(levels).astype(made.dtype)
        on_item(number + 1, len(made))
    return Image(made)
