"""Resizing: Pillow's filters, with transparency premultiplied and 16 bits kept."""

from typing import TYPE_CHECKING, Literal, TypeAlias, cast, get_args

from sdflow.pictures.colour import Rgba, parse_colour
from sdflow.pictures.size import Fit, size_after
from sdflow.values.image import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]

Filter: TypeAlias = Literal["bicubic", "lanczos", "bilinear", "nearest", "box", "hamming"]
FILTERS: tuple[Filter, ...] = get_args(Filter)
Box: TypeAlias = tuple[float, float, float, float]

_ALPHA = 4


def resize(
    image: Image,
    width: int | None = None,
    height: int | None = None,
    *,
    scale: float | None = None,
    multiple_of: int = 1,
    fit: Fit = "stretch",
    filter: Filter = "bicubic",  # noqa: A002  # the field's word
    background: str = "black",
) -> Image:
    """Every picture of a batch at another size; which one, `size_after` tells.

    `stretch` gives up the proportions (with `bicubic` as `Image.resize` does, to the bit), `cover` crops
    what sticks out on both sides alike, `contain` stays inside, `pad` stays inside and fills up with
    `background`. A background that is not opaque gives the result an alpha channel.

    Raises:
        UserError: SDF347 or SDF349.
    """
    old_height, old_width = image.pixels.shape[1:3]
    size = size_after((old_width, old_height), width, height, scale=scale, multiple_of=multiple_of, fit=fit)
    colour = parse_colour(background)
    if fit == "cover":
        box = _covering((old_width, old_height), size)
        return _each(image, lambda pixels: resampled(pixels, size, filter, box))
    if fit == "pad":
        inner = size_after((old_width, old_height), *size, fit="contain")
        return _each(image, lambda pixels: _padded(resampled(pixels, inner, filter), size, colour))
    return _each(image, lambda pixels: resampled(pixels, size, filter))


def channels_after(channels: int, *, fit: Fit = "stretch", background: str = "black") -> int:
    """3 or 4: how many channels `resize` leaves."""
    return _ALPHA if fit == "pad" and parse_colour(background)[3] < 255 else channels  # noqa: PLR2004


def _each(image: Image, change: "Callable[[Pixels], Pixels]") -> Image:
    import numpy as np

    return Image(cast("Pixels", np.stack([change(pixels) for pixels in image.pixels])))


def _covering(old: tuple[int, int], new: tuple[int, int]) -> Box:
    """The middle part of the old picture that has the proportions of the new one, in fractional pixels."""
    ratio = max(new[0] / old[0], new[1] / old[1])
    width, height = min(new[0] / ratio, old[0]), min(new[1] / ratio, old[1])
    left, top = (old[0] - width) / 2, (old[1] - height) / 2
    return left, top, left + width, top + height


def resampled(pixels: "Pixels", size: tuple[int, int], filter_: Filter, box: Box | None = None) -> "Pixels":
    """One picture, or a part of it, at another size; boxes are left, top, right, bottom, and may be fractional."""
    import numpy as np
    from PIL.Image import Resampling, fromarray

    resample = Resampling[filter_.upper()]
    if size == (pixels.shape[1], pixels.shape[0]) and box in (None, (0, 0, *size)):
        return pixels
    if pixels.dtype == np.uint8:
        return np.array(fromarray(pixels).resize(size, resample, box), dtype=np.uint8)
    return _resampled_deep(pixels, size, resample, box)


def _resampled_deep(pixels: "Pixels", size: tuple[int, int], resample: int, box: Box | None) -> "Pixels":
    """16 bits, channel by channel in floating point; colours weighted by their alpha."""
    import numpy as np
    from PIL.Image import Resampling, fromarray

    def each(channel: "NDArray[np.float32]") -> "NDArray[np.float64]":
        return np.array(fromarray(channel).resize(size, resample, box), dtype=np.float64)

    parts = [pixels[..., number].astype(np.float32) for number in range(pixels.shape[2])]
    if len(parts) == _ALPHA and resample != Resampling.NEAREST:
        alpha = parts[3] / np.float32(65535)
        weight = each(alpha).clip(0, 1)
        solid = np.where(weight > 0, weight, 1)
        new = [each(part * alpha) / solid for part in parts[:3]] + [weight * 65535]
    else:
        new = [each(part) for part in parts]
    return (np.stack(new, axis=2).clip(0, 65535) + 0.5).astype(np.uint16)


def _padded(pixels: "Pixels", size: tuple[int, int], colour: Rgba) -> "Pixels":
    """The picture in the middle of a canvas; where it is transparent itself, it stays so."""
    import numpy as np

    height, width, channels = pixels.shape
    channels = _ALPHA if colour[3] < 255 else channels  # noqa: PLR2004
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    full = 255 if pixels.dtype == np.uint8 else 65535
    canvas = np.empty((size[1], size[0], channels), dtype=pixels.dtype)
    canvas[:] = [part * (full // 255) for part in colour[:channels]]
    inside = canvas[top : top + height, left : left + width]
    inside[...] = full
    inside[..., : pixels.shape[2]] = pixels
    return canvas
