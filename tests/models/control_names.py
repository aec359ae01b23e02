"""ControlNets and T2I-Adapters of diffusers under the names of their authors."""

import re
from collections.abc import Mapping

import torch

from benchmarks.original_names import Tensors, unet


def controlnet(tensors: Mapping[str, torch.Tensor], layers: int) -> Tensors:
    """A ControlNet with `layers` per block, as its author trained it, without a prefix."""
    own = {name: tensors[name] for name in tensors if not name.startswith("controlnet_")}
    found = unet(own, layers)
    for name, tensor in tensors.items():
        if m := re.fullmatch(r"controlnet_cond_embedding\.(conv_in|conv_out|blocks\.(\d+))\.(.+)", name):
            number = {"conv_in": 0, "conv_out": 14}.get(m[1], 2 * (int(m[2] or 0) + 1))
            found[f"input_hint_block.{number}.{m[3]}"] = tensor
        elif m := re.fullmatch(r"controlnet_down_blocks\.(\d+)\.(.+)", name):
            found[f"zero_convs.{m[1]}.0.{m[2]}"] = tensor
        elif name.startswith("controlnet_mid_block."):
            found[name.replace("controlnet_mid_block", "middle_block_out.0")] = tensor
    return found


def t2i_adapter(tensors: Mapping[str, torch.Tensor], layers: int, *, light: bool = False) -> Tensors:
    """A T2I-Adapter with `layers` in a level: all layers are numbered through, or (light) those of a level."""
    found: Tensors = {}
    for name, tensor in tensors.items():
        new = name.removeprefix("adapter.")
        if light:
            new = new.replace(".resnets.", ".body.")
        elif m := re.fullmatch(r"body\.(\d+)\.resnets\.(\d+)\.(.+)", new):
            new = f"body.{int(m[1]) * layers + int(m[2])}.{m[3]}"
        elif m := re.fullmatch(r"body\.(\d+)\.in_conv\.(.+)", new):
            new = f"body.{int(m[1]) * layers}.in_conv.{m[2]}"
        found[new] = tensor
    return found
