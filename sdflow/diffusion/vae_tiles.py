"""Decoding and encoding in tiles: memory that does not grow with the picture, and no seams."""

from collections.abc import Callable
from typing import Any

import torch

from sdflow.diffusion.tile_statistics import measured, normalised_with
from sdflow.diffusion.tiles import Tiling, in_tiles


def decoded(vae: Any, latents: torch.Tensor, tiling: Tiling | None, factor: int) -> torch.Tensor:
    """What a VAE makes of latents [batch, channels, h, w]: [batch, 3, factor · h, factor · w], in tiles or at once."""

    def make(piece: torch.Tensor) -> torch.Tensor:
        return vae.decode(piece, return_dict=False)[0]  # type: ignore[no-any-return]  # diffusers has no types

    if tiling is None:
        return make(latents)
    return _in_tiles(vae, latents, make, tiling, taken=1, given=factor)


def encoded(vae: Any, pictures: torch.Tensor, tiling: Tiling | None, factor: int) -> Any:
    """What `vae.encode` gives for pictures [batch, 3, factor · h, factor · w], in tiles or at once.

    A posterior is blended by its parameters, and drawn from once.
    """
    if tiling is None:
        return vae.encode(pictures)
    output: Any = None

    def make(piece: torch.Tensor) -> torch.Tensor:
        nonlocal output
        output = vae.encode(piece)
        return output.latent_dist.parameters if hasattr(output, "latent_dist") else output.latents  # type: ignore[no-any-return]

    blended = _in_tiles(vae, pictures, make, tiling, taken=factor, given=1).to(pictures.dtype)
    if hasattr(output, "latent_dist"):
        output.latent_dist = type(output.latent_dist)(blended)
    else:
        output.latents = blended
    return output


def _in_tiles(
    vae: Any,
    source: torch.Tensor,
    make: Callable[[torch.Tensor], torch.Tensor],
    tiling: Tiling,
    *,
    taken: int,
    given: int,
) -> torch.Tensor:
    with normalised_with(measured(vae, source, make, tiling, taken=taken)):
        return in_tiles(source, make, tiling, taken=taken, given=given)
