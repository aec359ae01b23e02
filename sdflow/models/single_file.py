"""Single-file checkpoints: not read yet, but told apart."""

from sdflow.models.one_file import OneFile
from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo

_CONVERT = (
    "Convert it to a diffusers folder (diffusers: `from_single_file`, then `save_pretrained`), and name that."
)
_CONTEXT = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
_FAMILIES = {768: "a Stable Diffusion 1.x checkpoint", 1024: "a Stable Diffusion 2.x checkpoint"}


def refuse_single_file(one: OneFile) -> Refused:
    """Say what a single file is, as far as its header tells, and what to do with it."""
    if one.suffix != ".safetensors":
        return Refused("SDF303", f"single files are not read yet: {one.label}", hint=_CONVERT)
    try:
        what = what_it_holds(dict(one.header()))
    except BrokenHeaderError as error:
        return Refused("SDF305", f"{one.label} {error}", hint="Download the file again.")
    if what is None:
        return Refused("SDF303", f"single files are not read yet: {one.label}", hint=_CONVERT)
    return Refused("SDF303", f"{one.label} looks like {what}; single files are not read yet", hint=_CONVERT)


def what_it_holds(tensors: dict[str, TensorInfo]) -> str | None:
    """A guess from the names and shapes of the tensors, or None."""
    if any("lora_" in name or ".lora" in name for name in tensors):
        return "a LoRA"
    if any(name.startswith(("control_model.", "controlnet_", "input_hint_block.")) for name in tensors):
        return "a ControlNet"
    if any(name.startswith("conditioner.embedders.") for name in tensors):
        return "a Stable Diffusion XL checkpoint"
    if any("double_blocks." in name for name in tensors):
        return "a FLUX checkpoint"
    if any("joint_blocks." in name for name in tensors):
        return "a Stable Diffusion 3 checkpoint"
    context = tensors.get(_CONTEXT)
    if context is not None and context.shape:
        return _FAMILIES.get(context.shape[-1], "a Stable Diffusion checkpoint")
    if any(name.startswith(("encoder.down", "decoder.up", "first_stage_model.")) for name in tensors):
        return "an autoencoder (VAE)"
    return None
