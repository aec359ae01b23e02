"""Latents at another size."""

import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from sdflow.values import Latent


def resample_latent(latent: Latent, height: int, width: int, *, filter: str) -> Latent:  # noqa: A002 - the field's name
    """Interpolate a latent to float[batch, channels, height, width]; streams and level stay.

    `filter` is `nearest`, `bilinear`, `bicubic` or `area`, with torch's conventions (`align_corners=False`).
    """
    mode = "nearest-exact" if filter == "nearest" else filter
    samples = F.interpolate(latent.samples, size=(height, width), mode=mode)
    return Latent(samples, latent.streams, latent.space, latent.level)
