"""Which components a file holds, known from the names of its tensors."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sdflow.models.safetensors_header import TensorInfo


@dataclass(frozen=True, slots=True)
class FilePart:
    """One component in a file: its tensors, named without the prefix that they have in the file."""

    role: str
    prefix: str
    tensors: Mapping[str, TensorInfo]


_PREFIXES = (
    ("unet", "model.diffusion_model."),
    ("vae", "first_stage_model."),
    ("vae", "vae."),
    ("text_encoder", "cond_stage_model.transformer."),
    ("text_encoder", "cond_stage_model.model."),
    ("text_encoder", "conditioner.embedders.0.transformer."),
    ("text_encoder_2", "conditioner.embedders.1.model."),
    ("text_encoder_2", "conditioner.embedders.0.model."),
)
"""Where checkpoints in the layout of the original releases keep each component."""

_SIGNS = {
    "unet": ("input_blocks.0.0.weight", "down_blocks.0.resnets.0.conv1.weight"),
    "vae": ("decoder.conv_in.weight", "decoder.layers.0.weight"),
    "text_encoder": ("embeddings.token_embedding.weight", "token_embedding.weight"),
}
"""A tensor that a component of each kind has, in the original layout and in that of diffusers."""

_NOT_UNET = (
    "control_model.",
    "controlnet_cond_embedding.",
    "input_hint_block.",
    "motion_modules.",
    "adapter.",
)


def find_parts(tensors: Mapping[str, TensorInfo]) -> dict[str, FilePart]:
    """The components in a file, by role; a text encoder that is alone in a file is called `text_encoder`."""
    found: dict[str, FilePart] = {}
    for role, prefix in _PREFIXES:
        part = _part(tensors, role, prefix)
        if part is not None and role not in found:
            found[role] = part
    return found or _alone(tensors)


def _alone(tensors: Mapping[str, TensorInfo]) -> dict[str, FilePart]:
    names = tensors.keys()
    if any(name.startswith(_NOT_UNET) for name in names):
        return {}
    for role, signs in _SIGNS.items():
        prefix = "text_model." if f"text_model.{signs[0]}" in names and role == "text_encoder" else ""
        if any(f"{prefix}{sign}" in names for sign in signs):
            return {role: FilePart(role, "", tensors)}
    return {}


def _part(tensors: Mapping[str, TensorInfo], role: str, prefix: str) -> FilePart | None:
    inside = {name.removeprefix(prefix): info for name, info in tensors.items() if name.startswith(prefix)}
    return FilePart(role, prefix, inside) if has_sign(role, inside.keys()) else None


def has_sign(role: str, names: Collection[str]) -> bool:
    """Whether these are names of a component of this kind."""
    kind = "text_encoder" if role == "text_encoder_2" else role
    bare = {name.removeprefix("text_model.") for name in names} if kind == "text_encoder" else names
    return any(sign in bare for sign in _SIGNS[kind])
