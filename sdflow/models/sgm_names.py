"""The names that Stability's own code (ldm, sgm) has for the layers of a UNet.

LoRAs for SDXL are mostly written with them.
"""

import re
from collections.abc import Iterable, Mapping

_FIXED = {
    "conv_in": "input_blocks_0_0",
    "time_embedding.linear_1": "time_embed_0",
    "time_embedding.linear_2": "time_embed_2",
    "add_embedding.linear_1": "label_emb_0_0",
    "add_embedding.linear_2": "label_emb_0_2",
    "conv_norm_out": "out_0",
    "conv_out": "out_2",
}
_IN_RESNETS = {
    "norm1": "in_layers_0",
    "conv1": "in_layers_2",
    "time_emb_proj": "emb_layers_1",
    "norm2": "out_layers_0",
    "conv2": "out_layers_3",
    "conv_shortcut": "skip_connection",
}
_MIDDLE = {("resnets", 0): 0, ("attentions", 0): 1, ("resnets", 1): 2}
_BLOCK = re.compile(
    r"(?:(down|up)_blocks\.(\d+)|(mid)_block)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
)


def sgm_names(paths: Iterable[str], layers_per_block: int) -> Mapping[str, str]:
    """For each layer's path in diffusers' UNet, the name it has there, with underscores for dots."""
    paths = tuple(paths)
    with_attention = {path.split(".")[1] for path in paths if re.match(r"up_blocks\.\d+\.attentions\.", path)}
    named = {path: _sgm_name(path, layers_per_block, with_attention) for path in paths}
    return {path: name for path, name in named.items() if name}


def _sgm_name(path: str, layers: int, with_attention: set[str]) -> str:
    if path in _FIXED:
        return _FIXED[path]
    found = _BLOCK.fullmatch(path)
    if found is None:
        return ""
    side, block, middle, kind, number, rest = found.groups()
    index, inside = int(number), _IN_RESNETS.get(rest, rest) if kind == "resnets" else rest
    if middle:
        place = f"middle_block_{_MIDDLE[kind, index]}"
    elif side == "down" and kind == "downsamplers":
        return f"input_blocks_{(int(block) + 1) * (layers + 1)}_0_op"
    elif side == "down":
        place = f"input_blocks_{int(block) * (layers + 1) + index + 1}_{int(kind == 'attentions')}"
    elif kind == "upsamplers":
        place = f"output_blocks_{int(block) * (layers + 1) + layers}_{1 + (block in with_attention)}"
    else:
        place = f"output_blocks_{int(block) * (layers + 1) + index}_{int(kind == 'attentions')}"
    return f"{place}_{inside}".replace(".", "_")
