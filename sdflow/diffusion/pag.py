"""Perturbed-attention guidance (arXiv:2403.17377): which layers it perturbs, and how strongly it guides. Torch-free.

Some self-attention layers see nothing but each place itself, so that the picture loses its structure; the prediction
is pushed away from what the UNet then makes of the same prompt.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sdflow.composition import Json

_TIMESTEPS = 1000
"""The number that diffusers' pipelines count from, whatever the schedule."""


@dataclass(frozen=True, slots=True)
class Pag:
    """What a user says of it.

    scale: how strongly; 0 is none. adaptive_scale: how much less for each timestep below 1000.
    layers: parts of the names of self-attention layers, as diffusers names them: `mid`, `down_blocks.1`,
        `up_blocks.0.attentions.0`.
    """

    scale: float
    adaptive_scale: float
    layers: tuple[str, ...]

    def at(self, timestep: Any) -> Any:
        """The scale at a timestep: a number, or a tensor as the timestep is one."""
        if self.adaptive_scale <= 0:
            return self.scale
        scale = self.scale - self.adaptive_scale * (_TIMESTEPS - timestep)
        return max(scale, 0)

    def perturbs(self, name: str) -> bool:
        """Whether a self-attention layer of this name is perturbed."""
        return any(is_part_of(layer, name) for layer in self.layers)


def is_part_of(layer: str, name: str) -> bool:
    """Whether `layer` stands in a name; a number at its end is a whole one: `blocks.1` is no part of `blocks.10`."""
    return re.search(rf"{re.escape(layer)}(?!(?<=\d)\d)", name) is not None


def self_attentions(config: Mapping[str, Json]) -> tuple[str, ...]:
    """The names of a UNet's self-attention layers, as its configuration tells them."""
    down = _types(config, "down_block_types", ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",))
    up = _types(config, "up_block_types", ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3)
    levels = len(down)
    layers = _each(config.get("layers_per_block", 2), levels)
    depths = _depths(config.get("transformer_layers_per_block", 1), levels)
    only_cross = _each(config.get("only_cross_attention", False), levels)
    names: list[str] = []
    for level, kind in enumerate(down):
        if kind == "CrossAttnDownBlock2D" and not only_cross[level]:
            names += _names(f"down_blocks.{level}", _each(depths[level], int(layers[level])))
    if config.get("mid_block_type", "UNetMidBlock2DCrossAttn") == "UNetMidBlock2DCrossAttn":
        names += _names("mid_block", [_each(depths[-1], 1)[-1]])
    backwards = config.get("reverse_transformer_layers_per_block")
    rising = _depths(backwards, levels) if isinstance(backwards, list) else depths[::-1]
    for level, kind in enumerate(up):
        if kind == "CrossAttnUpBlock2D" and not only_cross[::-1][level]:
            names += _names(f"up_blocks.{level}", _each(rising[level], int(layers[::-1][level]) + 1))
    return tuple(names)


def _names(block: str, depths: Iterable[Any]) -> list[str]:
    return [
        f"{block}.attentions.{place}.transformer_blocks.{number}.attn1"
        for place, depth in enumerate(depths)
        for number in range(depth)
    ]


def _types(config: Mapping[str, Json], field: str, default: tuple[str, ...]) -> tuple[Json, ...]:
    value = config.get(field)
    return tuple(value) if isinstance(value, list) else default


def _each(value: Any, count: int) -> list[Any]:
    """One value for each: a list is one already."""
    return list(value) if isinstance(value, list | tuple) else [value] * count


def _depths(value: Json, levels: int) -> list[Any]:
    return _each(value, levels)
