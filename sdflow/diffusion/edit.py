"""A picture and noise become the latent that a model for editing starts from."""

from typing import Any

import torch

from sdflow.diffusion.streams import draw_from, generators_of, states_of
from sdflow.diffusion.vae import encode_means, pictures_of
from sdflow.values import NOISE, Image, Latent, LatentSpace, ToEdit


def latent_to_edit(
    vae: Any,
    image: Image,
    *,
    streams: torch.Tensor,
    space: LatentSpace,
    scaled: bool = False,
    device: str | torch.device = "cpu",
) -> Latent:
    """Pure noise beside a picture, as `StableDiffusionInstructPix2PixPipeline` prepares it.

    Args:
        vae: an `AutoencoderKL` or `AutoencoderTiny` on `device`.
        image: RGB, sides multiples of the space's factor; each picture is encoded once.
        streams: uint8[batch, n], one for each item; they give the noise, the picture needs none.
        space: the autoencoder's.
        scaled: whether the UNet takes the picture at the scale of latents, as CosXL's does.
        device: where the autoencoder is.

    Raises:
        UserError: SDF410, sides or channels do not fit, or the numbers of pictures and streams.
    """
    count = len(image.pixels)
    pictures = pictures_of(image, len(streams), space.factor)[:count]
    encoded = encode_means(vae, pictures, space, scaled=scaled, device=device)
    shown = encoded if len(encoded) == len(streams) else torch.cat([encoded] * len(streams))
    generators = generators_of(streams)
    samples = draw_from(generators, tuple(shown.shape[1:]))
    return Latent(samples, states_of(generators), space, NOISE, beside=ToEdit(shown))
