"""Pictures of a batch that are not to be seen."""

from collections.abc import Sequence

from sdflow.values.image import Image, Mask

_PART = 8
"""The radius of the blur is the longer side divided by this: colours stay, and no shapes."""
_TO_SIXTEEN_BITS = 257


def blackened(image: Image, flags: Sequence[bool]) -> Image:
    """The flagged pictures black, the others as they were."""
    pixels = image.pixels.copy()
    pixels[list(flags)] = 0
    return Image(pixels)


def blurred(image: Image, flags: Sequence[bool]) -> Image:
    """The flagged pictures blurred beyond recognition with Pillow's GaussianBlur, the others as they were."""
    from sdflow.pictures.effects import blur

    pixels = image.pixels.copy()
    radius = max(pixels.shape[1:3]) / _PART
    for number, flag in enumerate(flags):
        if flag:
            soft = blur(Image(pixels[number : number + 1]), radius).pixels
            deep = pixels.itemsize > 1
            pixels[number] = soft[0].astype(pixels.dtype) * (_TO_SIXTEEN_BITS if deep else 1)
    return Image(pixels)


def flags_shown(image: Image, flags: Sequence[bool]) -> Mask:
    """A mask for each picture: white all over where it is flagged, else black."""
    import numpy as np

    batch, height, width, _ = image.pixels.shape
    masks = np.zeros((batch, height, width), dtype=np.uint8)
    masks[list(flags)] = 255
    return Mask(masks)
