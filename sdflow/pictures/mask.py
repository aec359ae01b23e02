"""Masks out of pictures, and pictures of masks."""

from typing import Literal, TypeAlias

from sdflow.values.image import Image, Mask

Channel: TypeAlias = Literal["luminance", "red", "green", "blue", "alpha"]
_PLACES = {"red": 0, "green": 1, "blue": 2, "alpha": 3}


def mask_of(image: Image, channel: Channel, *, invert: bool = False) -> Mask:
    """One channel of a batch of pictures, or their luminance (ITU-R 601-2, as Pillow rounds it), at 8 bits.

    Raises:
        IndexError: alpha of pictures without it.
    """
    import numpy as np

    from sdflow.pictures.pil import eight_bits

    pixels = eight_bits(image.pixels)
    if channel == "luminance":
        import PIL.Image

        found = np.stack([np.array(PIL.Image.fromarray(row[..., :3]).convert("L")) for row in pixels])
    else:
        found = pixels[..., _PLACES[channel]].copy()
    return Mask(255 - found if invert else found)


def resized(mask: Mask, width: int, height: int) -> Mask:
    """Masks of another size, by Lanczos' filter, as diffusers' pipelines resize theirs."""
    import numpy as np
    import PIL.Image

    if mask.pixels.shape[1:] == (height, width):
        return mask
    return Mask(
        np.stack(
            [
                np.array(PIL.Image.fromarray(item).resize((width, height), PIL.Image.Resampling.LANCZOS))
                for item in mask.pixels
            ]
        )
    )


def picture_of(mask: Mask) -> Image:
    """A mask as a picture in grey, uint8[batch, height, width, 3]."""
    import numpy as np

    return Image(np.repeat(mask.pixels[..., None], 3, axis=-1))
