"""One run in tiles, for its peak memory: the child of `benchmarks.tiles`.

    python -m benchmarks.tile_memory decode|windows|upscale SIDE [--whole] [--idle]

Prints the largest resident set in bytes. `--whole` takes no tiles; `--idle` puts a network in place that computes next
to nothing, so that what is left is what the picture's own buffers take, and the libraries.
"""

import argparse
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.measure import peak_resident

TILE, OVERLAP = 128, 32
"""In pixels: toybox's own size, and a quarter of it."""
FACTOR = 8
_SCALE = 2
_WIDTH = 32
"""Channels of the upscaler, which is random."""


class Idle(torch.nn.Module):
    """A stand-in with a network's surroundings: it gives a result of the right shape without computing."""

    def __init__(self, network: Any, times: int) -> None:
        super().__init__()
        self.config, self.dtype, self.times = network.config, network.dtype, times

    def forward(self, sample: torch.Tensor, *_args: Any, **_more: Any) -> tuple[torch.Tensor]:
        return (sample,)

    def decode(self, sample: torch.Tensor, **_more: Any) -> tuple[torch.Tensor]:
        rows, columns = (side * self.times for side in sample.shape[-2:])
        return (torch.zeros(len(sample), 3, rows, columns),)


class Upscaler(torch.nn.Module):
    """A random network of four convolutions that doubles both sides."""

    scale, dtype = _SCALE, torch.float32

    def __init__(self, *, idle: bool) -> None:
        super().__init__()
        self.idle = idle
        widths = (3, _WIDTH, _WIDTH, _WIDTH, 3 * _SCALE**2)
        pairs = itertools.pairwise(widths)
        self.layers = torch.nn.ModuleList(torch.nn.Conv2d(one, other, 3, padding=1) for one, other in pairs)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        if self.idle:
            return torch.zeros(1, 3, *(side * _SCALE for side in picture.shape[-2:]))
        for layer in self.layers:
            picture = torch.nn.functional.gelu(layer(picture))
        return torch.nn.functional.pixel_shuffle(picture, _SCALE)


def decode(side: int, *, whole: bool, idle: bool) -> None:
    from sdflow.diffusion.tiles import Tiling
    from sdflow.diffusion.vae import decode_latent

    vae = toybox("vae")
    tiling = None if whole else Tiling(TILE // FACTOR, OVERLAP // FACTOR)
    decode_latent(Idle(vae, FACTOR) if idle else vae, noise(side), slicing=False, tiling=tiling)


def windows(side: int, *, whole: bool, idle: bool) -> None:
    from sdflow.diffusion.denoise import DenoiseRequest, denoise
    from sdflow.diffusion.samplers import SAMPLERS
    from sdflow.diffusion.tiles import Tiling
    from sdflow.values import Conditioning, Entry

    unet = toybox("unet")
    prompt = Entry(torch.zeros(1, 77, int(unet.config.cross_attention_dim)))
    request = DenoiseRequest(
        latent=noise(side),
        conditioning=Conditioning((prompt,), (prompt,)),
        sampler=SAMPLERS["ddim"],
        scheduler_config={
            "_class_name": "DDIMScheduler",
            "beta_schedule": "scaled_linear",
            "clip_sample": False,
        },
        steps=1,
        guidance=2.0,
        windows=None if whole else Tiling(TILE // FACTOR, OVERLAP // FACTOR),
    )
    denoise(request, unet=Idle(unet, 1) if idle else unet)


def upscale(side: int, *, whole: bool, idle: bool) -> None:
    from sdflow.diffusion.tiles import Tiling
    from sdflow.diffusion.upscale import upscale as enlarge
    from sdflow.values import Image

    tiling = None if whole else Tiling(TILE, OVERLAP)
    enlarge(Upscaler(idle=idle).eval(), Image(np.zeros((1, side, side, 3), np.uint8)), tiling)


KINDS = {"decode": decode, "windows": windows, "upscale": upscale}


def toybox(role: str) -> Any:
    """A part of the model that comes along, as diffusers loads it."""
    import diffusers

    from sdflow.models.builtin import BUILTINS, Shipped

    shipped = BUILTINS["toybox"]
    if not isinstance(shipped, Shipped):
        raise TypeError(shipped)
    built = {"vae": diffusers.AutoencoderKL, "unet": diffusers.UNet2DConditionModel}[role]
    return built.from_pretrained(shipped.folder / role).eval()


def noise(side: int) -> Any:
    """Noise for a picture of so many pixels a side."""
    from sdflow.diffusion.streams import draw, streams_from_seeds
    from sdflow.values import NOISE, Latent, LatentSpace

    space = LatentSpace("sd", 4, FACTOR)
    samples, streams = draw(streams_from_seeds([7]), (4, side // FACTOR, side // FACTOR))
    return Latent(samples, streams, space, NOISE)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("side", type=int)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--idle", action="store_true")
    asked = parser.parse_args(arguments)
    torch.manual_seed(0)
    KINDS[asked.kind](asked.side, whole=asked.whole, idle=asked.idle)
    print(peak_resident())


if __name__ == "__main__":
    main()
