"""A small latent and noise become the latent that the latent upscaler starts from."""

from collections.abc import Sequence

import torch

from sdflow.diffusion.streams import draw_from, generators_of, states_of, streams_from_seeds
from sdflow.values import NOISE, Latent, SmallLatent


def latent_of_small_latent(small: Latent, seeds: Sequence[int] | None = None) -> Latent:
    """Pure noise of twice the sides beside a latent, as `StableDiffusionLatentUpscalePipeline` prepares it.

    Args:
        small: a clean latent.
        seeds: one for each item; without them the latent's own streams go on, as one generator does that is given to
            both pipelines.
    """
    streams = small.streams if seeds is None else streams_from_seeds(seeds)
    generators = generators_of(streams)
    _, channels, height, width = small.samples.shape
    samples = draw_from(generators, (channels, 2 * height, 2 * width))
    return Latent(samples, states_of(generators), small.space, NOISE, SmallLatent(small.samples))


def noise_level_and_text(pooled: torch.Tensor) -> torch.Tensor:
    """What the upscaler's UNet is told as a condition of its timestep, float[rows, 128 + width].

    The small latent has no noise added to it: its level is 0, whose cosines are ones and whose sines zeros.
    """
    level = torch.zeros(len(pooled), 128, dtype=pooled.dtype, device=pooled.device)
    level[:, :64] = 1
    return torch.cat([level, pooled], dim=1)
