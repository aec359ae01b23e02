"""A small picture and noise become the latent that the x4 upscaler starts from."""

from collections.abc import Mapping
from typing import Any, cast

import torch

from sdflow.composition import Json
from sdflow.diffusion.samplers.scheduler import make_scheduler
from sdflow.diffusion.streams import draw_from, generators_of, states_of
from sdflow.diffusion.vae import pictures_of
from sdflow.values import NOISE, Image, Latent, LatentSpace, LowResolution


def latent_of_small_picture(
    image: Image,
    *,
    noise_level: int,
    scheduler_config: Mapping[str, Json],
    streams: torch.Tensor,
    space: LatentSpace,
) -> Latent:
    """Pure noise beside a small picture with some noise in it, as `StableDiffusionUpscalePipeline` prepares it.

    Each stream gives the noise for the small picture first, and then that of the latent.

    Args:
        image: RGB; each of its pixels becomes one latent element.
        noise_level: a timestep of the schedule for small pictures; more of it leaves more to the model.
        scheduler_config: the model's `low_res_scheduler`.
        streams: uint8[batch, n], one for each item; one picture serves them all.
        space: the model's.

    Raises:
        UserError: SDF410, sides or channels do not fit, or the numbers of pictures and streams.
    """
    pictures = pictures_of(image, len(streams), 1)
    generators = generators_of(streams)
    noise = draw_from(generators, tuple(pictures.shape[1:]))
    level = torch.tensor([noise_level])
    scheduler = cast("Any", make_scheduler(None, scheduler_config))
    noisy = scheduler.add_noise(pictures, noise, level).contiguous()
    samples = draw_from(generators, (space.channels, *pictures.shape[-2:]))
    return Latent(samples, states_of(generators), space, NOISE, LowResolution(noisy, level))
