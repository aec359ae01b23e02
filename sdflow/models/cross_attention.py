"""Where a UNet attends to text, from its configuration alone: paths and widths, in diffusers' order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sdflow.composition import Json

_CROSS = "CrossAttn"
_TYPES = {
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}


@dataclass(frozen=True, slots=True)
class CrossAttention:
    """One layer that attends to text: the path of its transformer block, and the width of what it changes."""

    path: str
    width: int


def cross_attentions(unet: Mapping[str, Json]) -> tuple[CrossAttention, ...]:
    """All of a `UNet2DConditionModel` with this configuration: those of the way down, of the way up, of the middle."""
    widths = _numbers(unet.get("block_out_channels"), (320, 640, 1280, 1280))
    count = len(widths)
    layers = _each(unet.get("layers_per_block", 2), count)
    depths = _each(unet.get("transformer_layers_per_block", 1), count)
    upwards = _each(unet.get("reverse_transformer_layers_per_block") or list(reversed(depths)), count)
    middle = unet.get("mid_block_type", "UNetMidBlock2DCrossAttn")
    found = [
        *_blocks("down_blocks", _names(unet, "down_block_types"), widths, layers, depths),
        *_blocks(
            "up_blocks",
            _names(unet, "up_block_types"),
            tuple(reversed(widths)),
            tuple(number + 1 for number in reversed(layers)),
            upwards,
        ),
    ]
    if isinstance(middle, str) and _CROSS in middle:
        found += _attention("mid_block.attentions.0", widths[-1], depths[-1])
    return tuple(found)


def _blocks(
    side: str, names: Sequence[str], widths: Sequence[int], layers: Sequence[int], depths: Sequence[int]
) -> Iterator[CrossAttention]:
    for block, (name, width, count, depth) in enumerate(zip(names, widths, layers, depths, strict=False)):
        if _CROSS in name:
            for attention in range(count):
                yield from _attention(f"{side}.{block}.attentions.{attention}", width, depth)


def _attention(path: str, width: int, depth: int) -> Iterator[CrossAttention]:
    for number in range(depth):
        yield CrossAttention(f"{path}.transformer_blocks.{number}", width)


def _names(unet: Mapping[str, Json], field: str) -> tuple[str, ...]:
    given = unet.get(field)
    return tuple(map(str, given)) if isinstance(given, list) else _TYPES[field]


def _numbers(value: Json, default: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(it for it in value if isinstance(it, int)) if isinstance(value, list) else default


def _each(value: Json, count: int) -> tuple[int, ...]:
    """A number for each block, or one that all have."""
    return (value,) * count if isinstance(value, int) else _numbers(value, (1,) * count)
