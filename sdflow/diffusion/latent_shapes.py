"""Latents cut, turned, stacked and laid over each other. Random streams go with their items."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from sdflow.values import Latent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROWS, COLUMNS = -2, -1
"""The dimensions of height and width."""


def cropped(latent: Latent, *, left: int, top: int, width: int, height: int) -> Latent:
    """A rectangle, in latent elements: float[batch, channels, height, width]."""
    return _with(latent, latent.samples[..., top : top + height, left : left + width])


def flipped(latent: Latent, *, rows: bool, columns: bool) -> Latent:
    """Mirrored: `columns` left to right, `rows` top to bottom."""
    dims = [dim for dim, wanted in ((ROWS, rows), (COLUMNS, columns)) if wanted]
    return _with(latent, torch.flip(latent.samples, dims))


def rotated(latent: Latent, quarters: int) -> Latent:
    """Turned clockwise by quarters of a circle."""
    return _with(latent, torch.rot90(latent.samples, -quarters, (ROWS, COLUMNS)))


def stacked(latents: tuple[Latent, ...]) -> Latent:
    """One batch of all items, in order; space and level are those of the first."""
    first = latents[0]
    samples = torch.cat([latent.samples for latent in latents])
    return Latent(samples, torch.cat([latent.streams for latent in latents]), first.space, first.level)


def taken(latent: Latent, items: tuple[int, ...]) -> Latent:
    """Some items, in this order; one may stand there several times."""
    places = torch.tensor(items)
    return Latent(latent.samples[places], latent.streams[places], latent.space, latent.level)


def composited(onto: Latent, over: Latent, *, left: int, top: int, share: torch.Tensor) -> Latent:
    """`over` laid on `onto` at a place, in latent elements.

    `share` is float[height, width] of `over`: 1 is all of it, 0 nothing. One item serves a whole batch.
    """
    height, width = over.samples.shape[-2:]
    samples = onto.samples.clone()
    place = samples[..., top : top + height, left : left + width]
    # Not written as a sum of shares: where nothing is blended, the numbers are those of one latent, to the bit.
    blended = torch.lerp(place, over.samples.expand(place.shape), share)
    place.copy_(torch.where(share >= 1, over.samples, blended))
    return _with(onto, samples)


def feathered(height: int, width: int, feather: int, *, sides: tuple[bool, bool, bool, bool]) -> torch.Tensor:
    """How much of a rectangle counts: float[height, width], rising over `feather` elements from some of its sides.

    `sides` are top, bottom, left and right.
    """

    def ramp(length: int, *, begins: bool, ends: bool) -> torch.Tensor:
        rising = (torch.arange(length, dtype=torch.float32) + 1) / (feather + 1)
        low = rising if begins else torch.ones(length)
        high = rising.flip(0) if ends else torch.ones(length)
        return torch.minimum(low, high).clamp(max=1.0)

    top, bottom, left, right = sides
    return ramp(height, begins=top, ends=bottom)[:, None] * ramp(width, begins=left, ends=right)[None, :]


def share_of_mask(pixels: "NDArray[np.uint8]", height: int, width: int) -> torch.Tensor:
    """A mask uint8[h, w] as shares float[height, width]: the mean of the pixels of each latent element."""
    unit = torch.from_numpy(pixels).to(torch.float32)[None, None] / 255
    return F.interpolate(unit, size=(height, width), mode="area")[0, 0]


def _with(latent: Latent, samples: torch.Tensor) -> Latent:
    """The same latent with other samples, contiguous as all are that were not stored."""
    return Latent(samples.contiguous(), latent.streams, latent.space, latent.level)
