"""How alike two pictures are: PSNR, SSIM, and a map of where they differ."""

import math
from typing import TYPE_CHECKING

from sdflow.pictures.pil import eight_bits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]
    Floats = NDArray[np.float64]

_WINDOW, _SIGMA = 11, 1.5
_K1, _K2 = 0.01, 0.03
_RANGE = 255.0


def psnr(one: "Pixels", two: "Pixels") -> float:
    """Peak signal-to-noise ratio in dB of two pictures [height, width, channels]; infinite where they are equal.

    16 bits are compared on the scale of 8.

    Raises:
        ValueError: their shapes differ.
    """
    first, second = _pair(one, two)
    error = float(((first - second) ** 2).mean())
    return math.inf if error == 0 else 10 * math.log10(_RANGE**2 / error)


def ssim(one: "Pixels", two: "Pixels") -> float:
    """Structural similarity of two pictures [height, width, channels], -1 to 1: the mean over places and channels.

    Wang, Bovik, Sheikh and Simoncelli 2004 (doi:10.1109/TIP.2003.819861): a Gaussian window of 11×11 with a deviation
    of 1.5, at the places where it is inside; smaller pictures have a smaller window.

    Raises:
        ValueError: their shapes differ.
    """
    first, second = _pair(one, two)
    window = _window(min(_WINDOW, *first.shape[:2]))
    mean, other_mean = _smooth(first, window), _smooth(second, window)
    variance = _smooth(first * first, window) - mean * mean
    other_variance = _smooth(second * second, window) - other_mean * other_mean
    covariance = _smooth(first * second, window) - mean * other_mean
    c1, c2 = (_K1 * _RANGE) ** 2, (_K2 * _RANGE) ** 2
    above = (2 * mean * other_mean + c1) * (2 * covariance + c2)
    below = (mean * mean + other_mean * other_mean + c1) * (variance + other_variance + c2)
    return float((above / below).mean())


def difference_map(one: "NDArray[np.uint8]", two: "NDArray[np.uint8]") -> "tuple[NDArray[np.uint8], int]":
    """uint8[height, width, 3] of the largest difference of a pixel's channels, stretched to 255; and that largest."""
    import numpy as np

    differences = np.abs(one.astype(np.int32) - two.astype(np.int32)).max(-1)
    most = int(differences.max(initial=0))
    stretched = (differences * 255 // max(most, 1)).astype(np.uint8)
    return np.repeat(stretched[..., None], 3, axis=-1), most


def _pair(one: "Pixels", two: "Pixels") -> "tuple[Floats, Floats]":
    import numpy as np

    if one.shape != two.shape:
        raise ValueError(f"{one.shape} and {two.shape}")
    if one.dtype == two.dtype == np.uint16:
        return one.astype(np.float64) / 257, two.astype(np.float64) / 257
    return eight_bits(one).astype(np.float64), eight_bits(two).astype(np.float64)


def _window(size: int) -> "Floats":
    """Weights of a Gaussian at an odd number of places, at most `size`; their sum is 1."""
    import numpy as np

    radius = (size - 1) // 2
    weights = np.exp(-(np.arange(-radius, radius + 1, dtype=np.float64) ** 2) / (2 * _SIGMA**2))
    normal: Floats = weights / weights.sum()
    return normal


def _smooth(values: "Floats", window: "Floats") -> "Floats":
    """The weighted mean around each place, along both sides; what is nearer to the edge than the window is left out."""
    import numpy as np

    for axis in (0, 1):
        left = values.shape[axis] - len(window) + 1
        around = np.stack([values.take(range(place, place + left), axis) for place in range(len(window))])
        values = np.tensordot(window, around, 1)
    return values
