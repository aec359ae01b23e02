"""Something plausible in place of what is to be painted anew."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from sdflow.pictures.colour import parse_colour
from sdflow.pictures.composite import composite
from sdflow.pictures.items import image_of, item_of
from sdflow.pictures.mask import resized
from sdflow.values.image import Image, Mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from sdflow.pictures.items import Pixels

    Plane = NDArray[np.float32]

Filling: TypeAlias = Literal["blur", "noise", "colour"]


def filled(
    image: Image, mask: Mask, *, fill: Filling = "blur", colour: str = "grey", seeds: Sequence[int] = ()
) -> Image:
    """Pictures with something else where the mask is white; where it is black they keep their bytes.

    blur: the colours around go on inwards. noise: every channel by lot, with a seed for each item. colour: one colour.
    """
    import numpy as np

    count = max(len(image.pixels), len(mask.pixels))
    pixels = image.pixels
    mask = resized(mask, pixels.shape[2], pixels.shape[1])
    if len(pixels) < count:
        pixels = cast("Pixels", np.repeat(pixels, count, axis=0))
    if fill == "noise":
        other = noise(pixels.shape, pixels.dtype, seeds)
    elif fill == "colour":
        other = np.empty_like(pixels)
        other[..., :3] = [part * (np.iinfo(pixels.dtype).max // 255) for part in parse_colour(colour)[:3]]
    else:
        around = [
            _from_around(item[..., :3], item_of(mask.pixels, index)) for index, item in enumerate(pixels)
        ]
        other = image_of(around).pixels
    return composite(Image(pixels), Image(other[..., :3]), mask)


def noise(shape: tuple[int, ...], dtype: "DTypeLike", seeds: Sequence[int]) -> "Pixels":
    """Opaque pixels by lot, a seed for each item. numpy keeps this generator's numbers the same for ever."""
    import numpy as np

    drawn = np.full(shape, np.iinfo(dtype).max, dtype=dtype)
    for item, seed in zip(drawn, seeds, strict=True):
        lot = np.random.RandomState([seed % 2**32, seed >> 32])  # the newer one may change its numbers
        item[..., :3] = lot.randint(0, int(np.iinfo(dtype).max) + 1, (*shape[1:3], 3))
    return drawn


def _from_around(pixels: "Pixels", mask: "NDArray[np.uint8]") -> "Pixels":
    """Push-pull interpolation ("The Lumigraph", Gortler et al. 1996, section 3.5) of what the mask leaves black.

    Colours are averaged to ever smaller pictures, weighed by how well they are known; on the way back each of those
    fills what the next larger one does not know.
    """
    import numpy as np

    known: Plane = 1 - mask.astype(np.float32) / np.float32(255)
    weights, planes = [known], [[pixels[..., part].astype(np.float32) * known for part in range(3)]]
    while max(weights[-1].shape) > 1:
        smaller = _halved(weights[-1])
        capped: Plane = np.minimum(smaller * 4, np.float32(1))
        ratio = np.divide(capped, smaller, out=np.zeros_like(smaller), where=smaller > 0)
        planes.append([_halved(plane) * ratio for plane in planes[-1]])
        weights.append(capped)
    full = np.iinfo(pixels.dtype).max
    last = weights[-1]
    found = [
        np.where(last > 0, plane / np.maximum(last, np.float32(1e-9)), np.float32(full / 2))
        for plane in planes[-1]
    ]
    for weight, level in zip(reversed(weights[:-1]), reversed(planes[:-1]), strict=True):
        found = [
            plane + (1 - weight) * _sized(part, weight.shape)
            for plane, part in zip(level, found, strict=True)
        ]
    return cast("Pixels", (np.stack(found, axis=-1).clip(0, full) + 0.5).astype(pixels.dtype))


def _halved(plane: "Plane") -> "Plane":
    import numpy as np
    import PIL.Image

    return np.array(PIL.Image.fromarray(plane).reduce(2), dtype=np.float32)


def _sized(plane: "Plane", shape: tuple[int, ...]) -> "Plane":
    import numpy as np
    import PIL.Image

    size = (shape[1], shape[0])
    return np.array(PIL.Image.fromarray(plane).resize(size, PIL.Image.Resampling.BILINEAR), dtype=np.float32)
