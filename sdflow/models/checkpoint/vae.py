"""The form of an autoencoder: what its configuration has to say, read from the shapes of its tensors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.models.safetensors_header import TensorInfo

_BLOCK = re.compile(r"encoder\.(?:down\.(\d+)\.block|down_blocks\.(\d+)\.resnets)\.(\d+)\.conv1\.weight")
_LATENT = "decoder.conv_in.weight"
_GROUPS = 32

TINY: Mapping[str, Json] = {
    "_class_name": "AutoencoderTiny",
    "act_fn": "relu",
    "decoder_block_out_channels": [64, 64, 64, 64],
    "encoder_block_out_channels": [64, 64, 64, 64],
    "force_upcast": False,
    "in_channels": 3,
    "latent_channels": 4,
    "latent_magnitude": 3,
    "latent_shift": 0.5,
    "num_decoder_blocks": [3, 3, 3, 1],
    "num_encoder_blocks": [1, 3, 3, 3],
    "out_channels": 3,
    "scaling_factor": 1.0,
    "upsampling_scaling_factor": 2,
}
"""The configuration of TAESD and TAESDXL, https://github.com/madebyollin/taesd."""
_TINY_SIGNS = {"encoder.layers.14.weight": (4, 64, 3, 3), "decoder.layers.0.weight": (64, 4, 3, 3)}


@dataclass(frozen=True, slots=True)
class VaeForm:
    """Per level its width; layers per level; channels of the latent."""

    widths: tuple[int, ...]
    layers: int
    latent: int


def form_of_vae(tensors: Mapping[str, TensorInfo]) -> VaeForm | None:
    """The form of an autoencoder with these tensors; None when it is none for pictures, or has no encoder."""
    widths: dict[int, int] = {}
    layers: set[int] = set()
    for name, info in tensors.items():
        if match := _BLOCK.fullmatch(name):
            widths[int(match[1] or match[2] or 0)] = info.shape[0]
            layers.add(int(match[3]))
    start = tensors.get(_LATENT)
    if not widths or start is None or len(start.shape) != 4:  # noqa: PLR2004  # videos have five
        return None
    return VaeForm(tuple(widths[level] for level in sorted(widths)), len(layers), start.shape[1])


def is_tiny(tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether these are the tensors of TAESD, with encoder and decoder in one file."""
    return all(name in tensors and tensors[name].shape == shape for name, shape in _TINY_SIGNS.items())


def follow_vae(published: Mapping[str, Json], form: VaeForm) -> dict[str, Json] | None:
    """The published configuration of a family with what a file's own shapes say; None when they cannot say all."""
    levels = len(form.widths)
    changed: dict[str, Json] = {
        **published,
        "block_out_channels": list(form.widths),
        "layers_per_block": form.layers,
        "latent_channels": form.latent,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
    }
    if changed != published and any(width % _GROUPS for width in form.widths):
        return None
    return changed
