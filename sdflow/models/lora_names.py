"""The names in a LoRA's file, in the ways that trainers write them.

A tensor's name says which layer it changes and which part of the change it is. Layers are written as paths
(`unet.mid_block.….to_q.lora_A.weight`: PEFT and diffusers) or with underscores for the dots
(`lora_unet_mid_block_…_to_q.lora_down.weight`: Kohya's scripts and LyCORIS). Underscores serve for both here. ComfyUI
saves paths of its own models (`diffusion_model.…`, `text_encoders.clip_l.transformer.…`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Layer: TypeAlias = tuple[str, str]
"""A component's role, and the layer's path in it with underscores for dots."""

_PREFIXES = {
    "lora_unet_": "unet",
    "lora_te1_": "text_encoder",
    "lora_te2_": "text_encoder_2",
    "lora_te_": "text_encoder",
    "lycoris_": "unet",
    "text_encoders.clip_l.transformer.": "text_encoder",
    "text_encoders.clip_h.transformer.": "text_encoder",
    "text_encoders.clip_g.transformer.": "text_encoder_2",
    "unet.": "unet",
    "text_encoder_2.": "text_encoder_2",
    "text_encoder.": "text_encoder",
    "diffusion_model.": "unet",
    "text_model.": "text_encoder",
    **dict.fromkeys(("down_blocks.", "mid_block.", "up_blocks.", "conv_in.", "conv_out."), "unet"),
}
"""How a name begins, and the component that it is about. The last ones have no prefix: files of one component."""

_UNPREFIXED = ("down_blocks.", "mid_block.", "up_blocks.", "conv_in.", "conv_out.", "text_model.")

_PARTS = (
    (r"[._]lora[._](?:linear_layer\.)?(?P<part>down|up|mid)\.weight", None),
    (r"\.lora_A(?:\.default)?\.weight", "down"),
    (r"\.lora_B(?:\.default)?\.weight", "up"),
    (r"\.lora_B(?:\.default)?\.bias", "bias"),
    (r"\.alpha", "alpha"),
    (r"\.dora_scale", "dora_scale"),
    (r"\.lora_magnitude_vector(?:\.default)?(?:\.weight)?", "magnitude"),
    (r"\.(?P<part>hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2))", None),
)
"""How a name ends, and the part that it is; without one, the part is in the name."""

_OTHER_KINDS = (
    (r"\.(?:diff|diff_b|w_norm|b_norm|set_weight)", "whole weights or norms (LyCORIS full, norm)"),
    (r"\.(?:oft_blocks|oft_diag|oft_R|oft_r)(?:\..*)?", "OFT or BOFT"),
    (r"\.(?:on_input|ia3_l)(?:\..*)?", "IA³"),
    (r"\.(?:a1|a2|b1|b2|bm1|bm2)\.weight", "GLoRA"),
    (r"\.lora_(?:embedding_[AB]|E)(?:\..*)?", "a LoRA of embeddings"),
    (r"\.vera_lambda_[bd](?:\..*)?", "VeRA"),
)

_PART = re.compile(
    "|".join(
        f"(?P<tail{number}>{tail})$".replace("<part>", f"<part{number}>")
        for number, (tail, _) in enumerate(_PARTS)
    )
)
_OTHER = tuple((re.compile(f"(?:{tail})$"), kind) for tail, kind in _OTHER_KINDS)
_OLD_PROJECTION = re.compile(r"self_attn_to_(q|k|v|out)$")


@dataclass(frozen=True, slots=True)
class LoraNames:
    """The tensors of a file by layer and part; `other` are kinds of changes that are not read, `foreign` the rest.

    Parts: `down`, `up`, `mid`, `bias`, `dora_scale`, `magnitude`, `alpha`, and LyCORIS' own names (`hada_w1_a`,
    `lokr_w1`, …).
    """

    layers: Mapping[Layer, Mapping[str, str]]
    other: tuple[str, ...]
    foreign: tuple[str, ...]


def read_names(names: Iterable[str]) -> LoraNames:
    """Sort the names of a file's tensors."""
    layers: dict[Layer, dict[str, str]] = {}
    other: dict[str, None] = {}
    foreign: list[str] = []
    for name in names:
        found = _PART.search(name)
        if found is None:
            kind = next((kind for tail, kind in _OTHER if tail.search(name)), None)
            if kind:
                other[kind] = None
            else:
                foreign.append(name)
            continue
        layer = layer_of(name[: found.start()])
        if layer is None:
            foreign.append(name)
            continue
        layers.setdefault(layer, {})[_part(found)] = name
    return LoraNames(layers, tuple(other), tuple(foreign))


def _part(found: re.Match[str]) -> str:
    number = next(number for number in range(len(_PARTS)) if found[f"tail{number}"] is not None)
    return _PARTS[number][1] or found[f"part{number}"]


def layer_of(owner: str) -> Layer | None:
    """The layer that a name without its part speaks of; None where it is of no component of Stable Diffusion."""
    for prefix, role in _PREFIXES.items():
        if owner.startswith(prefix) or f"{owner}." == prefix:
            inside = owner if prefix in _UNPREFIXED else owner[len(prefix) :]
            return role, _layer_name(role, inside)
    return None


def _layer_name(role: str, inside: str) -> str:
    name = inside.removeprefix("base_model.model.").replace(".processor.", ".").replace(".", "_")
    if role == "unet":
        return f"{name}_0" if name.endswith(("_attn1_to_out", "_attn2_to_out")) else name
    name = name.removeprefix("text_model_")
    return _OLD_PROJECTION.sub(lambda found: f"self_attn_{found[1]}_proj", name)
