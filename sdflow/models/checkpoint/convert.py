"""From the names of the original releases to those of diffusers and transformers. Imports torch."""

from typing import Any

import torch

from sdflow.models.checkpoint.text import Taken, is_open_clip, text_tensors
from sdflow.models.t2i_adapter_file import diffusers_name
from sdflow.values import Component
from sdflow.values.control import CONTROL_ROLE

_UNET = "model.diffusion_model."
"""What diffusers' converter knows a UNet by."""
_GUIDED = "time_embed.cond_proj.weight"
"""The guidance of a distilled UNet (LCM, arXiv:2310.04378), which diffusers' converter leaves out."""
_ADDED = {
    f"label_emb.0.{old}.{kind}": f"add_embedding.linear_{new}.{kind}"
    for old, new in ((0, 1), (2, 2))
    for kind in ("weight", "bias")
}
"""The sizes and crops that a ControlNet of SDXL is told, which diffusers' converter leaves out."""
_VAE = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")


def converted(component: Component, config: Any, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a component under the names of today's libraries; those that have them stay as they are.

    Tensors that a checkpoint holds beside the component, such as those of a training, are left out.

    Args:
        component: whose tensors these are, named without the prefix that they have in the file.
        config: the configuration of its module, with defaults filled in.
        tensors: those of its files; nothing of them is copied.
    """
    found: dict[str, torch.Tensor] = tensors
    if component.library == "transformers":
        found = _text(component, config, tensors)
    elif component.class_name == "T2IAdapter":
        kind, layers = config.adapter_type, config.num_res_blocks
        found = {diffusers_name(name, kind, layers): it for name, it in tensors.items()}
    elif component.role == CONTROL_ROLE and "input_hint_block.0.weight" in tensors:
        from diffusers.loaders.single_file_utils import convert_controlnet_checkpoint

        found = convert_controlnet_checkpoint(dict(tensors), config)
        found |= {new: tensors[old] for old, new in _ADDED.items() if old in tensors}
    elif "input_blocks.0.0.weight" in tensors:
        from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

        found = convert_ldm_unet_checkpoint({f"{_UNET}{name}": it for name, it in tensors.items()}, config)
        if _GUIDED in tensors:
            found["time_embedding.cond_proj.weight"] = tensors[_GUIDED]
    elif any(name.startswith("encoder.down.") for name in tensors):
        from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

        own = {name: it for name, it in tensors.items() if name.startswith(_VAE)}
        found = convert_ldm_vae_checkpoint(own, config)
    return found


def _text(component: Component, config: Any, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if not component.part and not is_open_clip(tensors):
        return tensors
    projected = component.class_name == "CLIPTextModelWithProjection"
    taken = text_tensors(tensors, int(config.num_hidden_layers), projected=projected)
    return {name: _taken(it, tensors[it.name]) for name, it in taken.items()}


def _taken(it: Taken, tensor: torch.Tensor) -> torch.Tensor:
    if it.transposed:
        return tensor.T
    if it.third is None:
        return tensor
    rows = tensor.shape[0] // 3
    return tensor[it.third * rows : (it.third + 1) * rows]
