"""A change by Pillow for every picture of a batch, in 8 bits."""

from typing import TYPE_CHECKING

from sdflow.values.image import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image as PilImage

    Change = Callable[[PilImage], PilImage]

_ALPHA = 3


def each(image: Image, change: "Change") -> Image:
    """Every picture changed as a whole; with transparency, the change is given colours weighed by it (mode RGBa)."""
    import numpy as np
    import PIL.Image

    from sdflow.pictures.pil import eight_bits

    made = []
    for pixels in eight_bits(image.pixels):
        picture = PIL.Image.fromarray(pixels)
        transparent = picture.mode == "RGBA"
        changed = change(picture.convert("RGBa") if transparent else picture)
        made.append(np.array(changed.convert("RGBA") if transparent else changed, dtype=np.uint8))
    return Image(np.stack(made))


def each_colours(image: Image, change: "Change") -> Image:
    """Every picture with its colours changed (mode RGB) and its transparency as it was."""
    import numpy as np
    import PIL.Image

    from sdflow.pictures.pil import eight_bits

    pixels = eight_bits(image.pixels)
    made = [
        np.array(change(PIL.Image.fromarray(np.ascontiguousarray(item[..., :_ALPHA]))), dtype=np.uint8)
        for item in pixels
    ]
    return Image(np.concatenate([np.stack(made), pixels[..., _ALPHA:]], axis=-1))
