"""A picture and a mask become a latent to paint into, as diffusers' inpainting pipelines prepare it."""

from typing import Any

import torch

from sdflow.diffusion.streams import draw_from, generators_of, states_of
from sdflow.diffusion.tiles import Tiling
from sdflow.diffusion.vae import encode_pictures, pictures_of
from sdflow.values import CLEAN, Image, Inpaint, Latent, LatentSpace, Mask

_HALF = 128
"""From this value of 255 on, a pixel of a mask is painted anew."""


def encode_for_inpaint(
    vae: Any,
    image: Image,
    mask: Mask,
    *,
    streams: torch.Tensor,
    space: LatentSpace,
    device: str | torch.device = "cpu",
    tiling: Tiling | None = None,
    soft: bool = False,
) -> Latent:
    """Encode a picture, and the same without what is painted anew.

    The pipelines draw in this order, from one generator for each item: the picture's latent (where the UNet takes
    no mask, or strength is below 1), the noise, the masked picture's latent. The noise is drawn by `denoise`, from
    the streams as they are after the picture; both draws that may follow it are made here.

    Args:
        vae: an `AutoencoderKL` or `AutoencoderTiny` on `device`.
        image: RGB, sides multiples of the space's factor; one picture serves as many streams as there are.
        mask: uint8[1 or batch, height, width] of the picture's size; 128 and above is painted anew.
        streams: uint8[batch, n], one for each item of the latent.
        space: the autoencoder's.
        device: where the autoencoder is.
        tiling: in overlapping tiles that are blended, in latent elements.
        soft: keep the mask's greys, too, as the strength with which each place is painted anew.

    Raises:
        UserError: SDF410, sides or channels do not fit, or the numbers of pictures and streams.
    """
    pictures = pictures_of(image, len(streams), space.factor)
    painted = torch.from_numpy((mask.pixels >= _HALF).astype("float32"))[:, None]
    generators = generators_of(streams)
    (samples,) = encode_pictures(vae, pictures, (generators,), space, device, tiling=tiling)
    after = states_of(generators)
    draws = (generators_of(after), generators_of(streams))
    for waiting in draws:
        draw_from(waiting, tuple(samples.shape[1:]))  # the noise, which comes between
    rest = pictures * (painted < 0.5)  # noqa: PLR2004  # 0 or 1
    masked, masked_alone = encode_pictures(vae, rest, draws, space, device, tiling=tiling)
    sized = torch.nn.functional.interpolate(painted, size=samples.shape[-2:])
    strengths = _means(mask, samples.shape[-2:]) if soft else None
    beside = Inpaint(sized, masked, masked_alone, streams.clone(), strengths=strengths)
    return Latent(samples, after, space, CLEAN, beside)


def _means(mask: Mask, size: torch.Size) -> torch.Tensor:
    """The mean of a mask under each latent element, 0 to 1: float32[1 or batch, 1, height, width]."""
    grey = torch.from_numpy(mask.pixels.astype("float32"))[:, None]
    return torch.nn.functional.interpolate(grey, size=tuple(size), mode="area") / 255
