"""Tiny networks that make a tiny model follow a picture, with random weights: what is zero in a new one is not here."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from sdflow.composition import Json
from sdflow.models.tiny_weights import fill_weights

ControlKind = Literal["controlnet", "union", "adapter"]
_EMBEDDING = (4, 8, 8, 8)
_LAYOUT_XL = 3
"""Levels of an SDXL UNet."""


def write_tiny_control(
    folder: Path,
    unet: Mapping[str, Json],
    kind: ControlKind = "controlnet",
    *,
    seed: int = 0,
    **settings: Json,
) -> Path:
    """Write a ControlNet, a union of them or a T2I-Adapter for UNets of a configuration, and return `folder`.

    `settings` replace entries of its own configuration.
    """
    import diffusers
    import torch

    widths = unet["block_out_channels"]
    if not isinstance(widths, list):
        raise TypeError(widths)
    if kind == "adapter":
        xl = len(widths) == _LAYOUT_XL
        config: dict[str, Json] = {
            "adapter_type": "full_adapter_xl" if xl else "full_adapter",
            "channels": [*widths, widths[-1]] if xl else widths,
            "num_res_blocks": 1,
            "downscale_factor": 16 if xl else 8,
        }
        built = diffusers.T2IAdapter
    else:
        built = diffusers.ControlNetUnionModel if kind == "union" else diffusers.ControlNetModel
        taken = inspect.signature(built.__init__).parameters
        config = {name: value for name, value in unet.items() if name in taken and not name.startswith("_")}
        config |= {"conditioning_embedding_out_channels": list(_EMBEDDING), "in_channels": 4}
        if kind == "union":
            config |= {"num_trans_channel": _first(widths), "num_trans_head": 2}
            config |= {"num_trans_layer": 1, "num_proj_channel": _first(widths)}
    with torch.random.fork_rng(devices=[]):
        module = built(**{**config, **settings})
    fill_weights(module, f"{seed}/{kind}", {})
    module.save_pretrained(folder)
    return folder


def _first(widths: list[Json]) -> int:
    width = widths[0]
    return width if isinstance(width, int) else 0
