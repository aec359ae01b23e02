"""The pictures that ControlNets and T2I-Adapters follow, as they are shown to them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sdflow.values import Image, Mask

_WHITE = {"uint8": 255.0, "uint16": 65535.0}
_HALF = 128


@dataclass(frozen=True, slots=True)
class Hint:
    """A picture to follow. Where `mask` is white, the network is told that nothing is known (-1)."""

    image: Image
    mask: Mask | None = None

    def tensor(self, width: int, height: int, channels: int = 3) -> torch.Tensor:
        """float32[batch, channels, height, width] from 0 to 1, resized by Lanczos' filter as the pipelines do.

        With one channel it is the picture's luminance. Strides are those of the pipelines, for they move bits.
        """
        pixels = np.stack([_resized(item, (width, height), channels) for item in self.image.pixels])
        if self.mask is not None:
            known = self.mask.pixels[..., None] < _HALF
            pixels = np.where(known, pixels, np.float32(-1))
        return torch.from_numpy(pixels.transpose(0, 3, 1, 2))


def _resized(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], size: tuple[int, int], channels: int
) -> NDArray[np.float32]:
    import PIL.Image

    white = np.float32(_WHITE[pixels.dtype.name])
    if pixels.dtype == np.uint16:
        found = _deep(pixels.astype(np.float32), size)
        return (found if channels > 1 else found.mean(axis=2, keepdims=True)) / white
    picture = PIL.Image.fromarray(pixels)
    picture = picture.convert("L" if channels == 1 else "RGB")
    resized = np.array(picture.resize(size, PIL.Image.Resampling.LANCZOS)).astype(np.float32)
    return (resized[..., None] if channels == 1 else resized) / white


def _deep(pixels: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """16 bits, such as depth, channel by channel in floating point."""
    import PIL.Image

    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    parts = [PIL.Image.fromarray(pixels[..., number]) for number in range(pixels.shape[2])]
    lanczos = PIL.Image.Resampling.LANCZOS
    found = np.stack([np.array(part.resize(size, lanczos)) for part in parts], axis=2)
    return found.clip(0, 65535).astype(np.float32)
