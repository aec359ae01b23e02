"""Larger pictures by a network, tile by tile."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sdflow.diffusion.tiles import Tiling, in_tiles
from sdflow.values import Image


def upscale(
    network: Any,
    image: Image,
    tiling: Tiling | None,
    *,
    device: str | torch.device = "cpu",
    on_tile: Callable[[int, int], None] = lambda _done, _total: None,
) -> Image:
    """Pictures made larger, each for itself: uint8[batch, scale · h, scale · w, 3].

    Args:
        network: float[1, 3, h, w] in 0 … 1 to the same `scale` times larger, with `scale` and `dtype`, on `device`.
        image: RGB.
        tiling: in tiles of so many pixels; None in one go. Only tiles are on the device.
        device: where the network is.
        on_tile: told (tiles done, tiles in all) after each.
    """
    scale, dtype = network.scale, network.dtype
    highest = 255.0 if image.pixels.dtype == np.uint8 else 65535.0
    one_go = Tiling(max(image.pixels.shape[1:3]), 0)
    tiles = tiling or one_go
    count = len(image.pixels) * len(list(tiles.tiles(*image.pixels.shape[1:3])))
    done = 0

    def make(piece: torch.Tensor) -> torch.Tensor:
        nonlocal done
        made: torch.Tensor = network(piece.to(device=device, dtype=dtype)).to("cpu", torch.float32)
        done += 1
        on_tile(done, count)
        return made

    found = []
    with torch.inference_mode():
        for pixels in image.pixels:
            unit = torch.from_numpy((pixels.astype(np.float32) / highest).transpose(2, 0, 1)[None].copy())
            made = in_tiles(unit, make, tiles, given=scale)[0].clamp(0, 1)
            found.append((made.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    return Image(np.stack(found))
