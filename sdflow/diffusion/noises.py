"""Between two latents, and noise added to one."""

import torch

from sdflow.diffusion.streams import draw, streams_from_seeds
from sdflow.values import Latent

_NEARLY_ALIKE = 0.9995
"""Cosine from which two noises are so alike that a straight line between them is as good."""


def blended(first: Latent, second: Latent, weight: float, *, spherical: bool) -> Latent:
    """From `first` (weight 0) to `second` (1); streams are those of the first."""
    ends = first.samples, second.samples.expand(first.samples.shape)
    samples = slerp(*ends, weight) if spherical else torch.lerp(*ends, weight)
    return Latent(samples, first.streams, first.space, first.level)


def varied(latent: Latent, seeds: tuple[int, ...], strength: float) -> Latent:
    """Noise moved towards that of other seeds; the streams stay, as those of the seeds are used up by it."""
    other, _ = draw(streams_from_seeds(seeds), tuple(latent.samples.shape[1:]))
    return Latent(slerp(latent.samples, other, strength), latent.streams, latent.space, latent.level)


def noised(latent: Latent, seeds: tuple[int, ...], strength: float) -> Latent:
    """A latent with Gaussian noise of a standard deviation added, one seed for each item."""
    noise, _ = draw(streams_from_seeds(seeds), tuple(latent.samples.shape[1:]))
    return Latent(latent.samples + strength * noise, latent.streams, latent.space, latent.level)


def slerp(low: torch.Tensor, high: torch.Tensor, weight: float) -> torch.Tensor:
    """Spherical interpolation (Shoemake 1985), float[batch, channels, height, width].

    Along the columns of each channel, which is how A1111 varies a seed: each keeps its length, so that noise stays
    noise. Columns that are nearly alike, or empty, are interpolated along a straight line.
    """
    along = -2

    def unit(tensor: torch.Tensor) -> torch.Tensor:
        length: torch.Tensor = torch.linalg.vector_norm(tensor, dim=along, keepdim=True)
        return tensor / length.clamp(min=torch.finfo(tensor.dtype).tiny)

    cosine = (unit(low) * unit(high)).sum(dim=along, keepdim=True).clamp(-1, 1)
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    straight = cosine.abs() > _NEARLY_ALIKE
    safe = torch.where(straight, torch.ones_like(sine), sine)
    curved = torch.sin((1 - weight) * angle) / safe * low + torch.sin(weight * angle) / safe * high
    return torch.where(straight, torch.lerp(low, high, weight), curved)
