"""Group normalisation of tiles as if they were the whole.

An autoencoder normalises groups of channels over the whole picture (arXiv:1803.08494). A tile that is normalised by
itself comes out lighter or darker, flatter or stronger than in the whole: those are the seams of tiled decoding.
Here the means and variances of some tiles are measured first, and their average is what every tile is normalised with.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from sdflow.diffusion.tiles import Tiling

_MOST_MEASURED = 16
"""Tiles to measure; more tell little that is new, and each is computed once more."""

Statistics = Mapping[torch.nn.GroupNorm, tuple[torch.Tensor, torch.Tensor]]
"""For each layer the mean and variance of its groups, float32[batch, groups]."""


def measured(
    module: torch.nn.Module,
    source: torch.Tensor,
    make: Callable[[torch.Tensor], object],
    tiling: Tiling,
    *,
    taken: int = 1,
) -> Statistics:
    """The statistics of a module's layers over tiles that are spread evenly; none where there is a single tile."""
    height, width = source.shape[-2] // taken, source.shape[-1] // taken
    places = list(tiling.tiles(height, width))
    layers = [layer for layer in module.modules() if isinstance(layer, torch.nn.GroupNorm)]
    if len(places) == 1 or not layers:
        return {}
    count = min(len(places), _MOST_MEASURED)
    chosen = [places[number * (len(places) - 1) // max(count - 1, 1)] for number in range(count)]
    sums: dict[torch.nn.GroupNorm, list[torch.Tensor]] = {layer: [] for layer in layers}

    def look(layer: Any, given: tuple[torch.Tensor, ...]) -> None:
        rows = given[0].float().reshape(len(given[0]), layer.num_groups, -1)
        sums[layer].append(torch.stack([rows.mean(dim=-1), (rows * rows).mean(dim=-1)]))

    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        for down, across in chosen:
            make(source[..., down.of(taken), across.of(taken)])
    finally:
        for handle in handles:
            handle.remove()
    found: dict[torch.nn.GroupNorm, tuple[torch.Tensor, torch.Tensor]] = {}
    for layer, seen in sums.items():
        if seen:
            mean, square = torch.stack(seen).mean(dim=0)
            found[layer] = (mean, (square - mean * mean).clamp(min=0))
    return found


@contextmanager
def normalised_with(statistics: Statistics) -> Iterator[None]:
    """Layers use these statistics and not their input's, for as long as this lasts."""

    def replace(layer: Any, given: tuple[torch.Tensor, ...], _result: torch.Tensor) -> torch.Tensor:
        mean, variance = statistics[layer]
        rows = given[0].float().reshape(len(given[0]), layer.num_groups, -1)
        unit = (rows - mean[..., None]) * torch.rsqrt(variance[..., None] + layer.eps)
        shape = (1, -1, *(1,) * (given[0].ndim - 2))
        unit = unit.reshape(given[0].shape)
        if layer.affine:
            unit = unit * layer.weight.float().view(shape) + layer.bias.float().view(shape)
        return unit.to(given[0].dtype)

    handles = [layer.register_forward_hook(replace) for layer in statistics]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
