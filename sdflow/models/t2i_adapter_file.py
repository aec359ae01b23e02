"""A T2I-Adapter in one file: its configuration by the shapes of its tensors, and its authors' (TencentARC) names."""

import re
from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.models.safetensors_header import TensorInfo

_LEVELS = 4
_FACTORS = {"full_adapter_xl": 16, "full_adapter": 8}
"""By how much the picture's pixels are folded into channels first, which the width of the first layer tells."""
_LIGHT_FACTOR = 8
_COLOURS = (1, 3)
_OF_DIFFUSERS = "adapter."
_FULL = re.compile(r"body\.(\d+)\.(block1|block2|in_conv)\.(weight|bias)")
_LIGHT = re.compile(r"body\.(\d+)\.body\.(\d+)\.(.+)")
_OWN = re.compile(
    r"(adapter\.)?(conv_in|body\.\d+\.((body|resnets)\.\d+\.)?(block1|block2|in_conv|out_conv))\.(weight|bias)"
)


def adapter_config(tensors: Mapping[str, TensorInfo]) -> dict[str, Json] | None:
    """The configuration of the T2I-Adapter that has these tensors; None when they are of something else.

    Its authors number all layers; diffusers has them by levels, under `adapter.`.
    """
    if not tensors or not all(_OWN.fullmatch(name) for name in tensors):
        return None
    own = {name.removeprefix(_OF_DIFFUSERS): it.shape for name, it in tensors.items()}
    if "conv_in.weight" in own:
        return _full(own)
    return _light(own) if "body.0.out_conv.weight" in own else None


def _full(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Json] | None:
    folded = shapes["conv_in.weight"][1]
    found = [
        (kind, folded // factor**2)
        for kind, factor in _FACTORS.items()
        if folded % factor**2 == 0 and folded // factor**2 in _COLOURS
    ]
    bodies = sorted({int(name.split(".")[1]) for name in shapes if name.startswith("body.")})
    by_level = any(".resnets." in name for name in shapes)
    layers = 1 + max((int(name.split(".")[3]) for name in shapes if ".resnets." in name), default=-1)
    if not by_level:
        layers = len(bodies) // _LEVELS
    first = "resnets.0.block1" if by_level else "block1"
    numbers = range(_LEVELS) if by_level else range(0, len(bodies), max(layers, 1))
    names = [f"body.{number}.{first}.weight" for number in numbers]
    if len(found) != 1 or len(names) != _LEVELS or not all(name in shapes for name in names):
        return None
    (kind, channels), *_ = found
    return {
        "adapter_type": kind,
        "channels": [shapes[name][0] for name in names],
        "downscale_factor": _FACTORS[kind],
        "in_channels": channels,
        "num_res_blocks": layers,
    }


def _light(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Json] | None:
    outs = {int(name.split(".")[1]): it[0] for name, it in shapes.items() if name.endswith("out_conv.weight")}
    inner = [int(name.split(".")[3]) for name in shapes if name.endswith("block1.weight")]
    channels = shapes["body.0.in_conv.weight"][1] // _LIGHT_FACTOR**2
    if sorted(outs) != list(range(_LEVELS)) or channels not in _COLOURS or outs[2] != outs[3]:
        return None
    return {
        "adapter_type": "light_adapter",
        "channels": [outs[level] for level in range(_LEVELS - 1)],
        "downscale_factor": _LIGHT_FACTOR,
        "in_channels": channels,
        "num_res_blocks": 1 + max(inner, default=-1),
    }


def diffusers_name(name: str, kind: str, layers: int) -> str:
    """What diffusers calls a tensor of an adapter of this kind with so many layers in a level; its own names stay."""
    if name.startswith(_OF_DIFFUSERS):
        return name
    if found := _LIGHT.fullmatch(name):
        return f"adapter.body.{found[1]}.resnets.{found[2]}.{found[3]}"
    if kind != "light_adapter" and (found := _FULL.fullmatch(name)):
        level, layer = divmod(int(found[1]), layers)
        inside = found[2] if found[2] == "in_conv" else f"resnets.{layer}.{found[2]}"
        return f"adapter.body.{level}.{inside}.{found[3]}"
    return f"adapter.{name}"
