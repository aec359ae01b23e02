"""What a LoRA's file tells while planning: from the names and shapes of its tensors, without torch."""

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from sdflow.models.checkpoint.looks_like import looks_like
from sdflow.models.checkpoint.parts import find_parts
from sdflow.models.lora_names import Layer, LoraNames, read_names
from sdflow.models.one_file import OneFile
from sdflow.models.pickle_header import read_pickle_header
from sdflow.models.pickle_names import CodeInPickleError
from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo
from sdflow.values import AdapterFacts

_FAMILIES = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
"""Families by the width of the text that their cross-attention takes."""

_OTHER_FAMILIES = (
    (re.compile(r"(single_|double_)blocks[._]\d|single_transformer_blocks"), "FLUX or a model like it"),
    (re.compile(r"joint_blocks|attn[._]add_[qkv]_proj"), "Stable Diffusion 3 or a model like it"),
    (re.compile(r"lora_prior_|stage_[bc]"), "Stable Cascade"),
    (
        re.compile(r"^(lora_transformer_|transformer\.|diffusion_model\.(blocks|layers)\.)"),
        "a diffusion transformer",
    ),
)
"""Names of tensors, and the models that LoRAs with such names are for."""

_TRANSFORMER_DEPTH = re.compile(
    r"attentions_\d+_transformer_blocks_[2-9]|_blocks_\d+_1_transformer_blocks_[2-9]"
)
_FLAT = frozenset({"bias", "magnitude", "dora_scale"})
"""Parts that have one number for each row."""
_AGAIN = "Download the file again."


class Shaped(Protocol):
    """A tensor, or what is known of one."""

    @property
    def shape(self) -> Sequence[int]:
        """Its sides."""


def lora_facts(one: OneFile) -> AdapterFacts:
    """What a LoRA changes, and in which family of models, as far as its file is here or its beginning can be had.

    Raises:
        Refused: it is no LoRA, or of a kind or for a family that is not read.
    """
    tensors = _header(one)
    if tensors is None:
        return AdapterFacts("lora", one.weight_file, one.location, one.label)
    names = read_names(tensors)
    _refuse(one, names, tensors)
    _refuse_shapes(one, names, tensors)
    context, family = family_of(names, tensors)
    return AdapterFacts(
        "lora",
        one.weight_file,
        one.location,
        one.label,
        family=family,
        roles=frozenset(role for role, _ in names.layers),
        context=context,
    )


def _header(one: OneFile) -> Mapping[str, TensorInfo] | None:
    """Names and shapes; None for a file that is not here and whose beginning cannot be had."""
    try:
        if one.suffix == ".safetensors":
            return one.header()
        return None if one.path is None else read_pickle_header(one.path)
    except CodeInPickleError as error:
        raise Refused("SDF316", f"{one.label} {error}", hint="Take a LoRA as a safetensors file.") from error
    except BrokenHeaderError as error:
        raise Refused("SDF305", f"{one.label} {error}", hint=_AGAIN) from error
    except OSError as error:
        raise Refused("SDF302", f"{one.label} cannot be read: {error.strerror}") from error
    except Refused:
        if one.path is None:
            return None  # no network for it now; it is looked at when it has come
        raise


def _refuse(one: OneFile, names: LoraNames, tensors: Mapping[str, TensorInfo]) -> None:
    if names.other:
        what = " and ".join(names.other)
        hint = "sdflow reads LoRA, LoCon, DoRA, LoHa and LoKr."
        raise Refused("SDF330", f"{one.label} holds {what}, which is not read", hint=hint)
    if any(name.startswith("base_model.model.") for name in names.foreign):
        hint = "Save it with diffusers' `save_lora_weights`, which writes one file."
        message = f"{one.label} is half of a PEFT folder: its alpha is in the `adapter_config.json` beside it"
        raise Refused("SDF330", message, hint=hint)
    is_adapter = bool(names.layers) or any("lora" in name or "lokr" in name for name in tensors)
    family = next((family for pattern, family in _OTHER_FAMILIES if any(map(pattern.search, tensors))), None)
    if family and is_adapter:
        raise Refused("SDF331", f"{one.label} is a LoRA for {family}, which sdflow does not run")
    if not names.layers:  # where there are some, what lies beside them counts for nothing
        other = _what_it_is(tensors)
        if other in {"a LoRA", "a LyCORIS"}:
            message = f"{one.label} looks like {other}, but its layers have names that sdflow does not know"
            raise Refused("SDF330", message, hint=f"The first is `{min(names.foreign)}`.")
        raise Refused("SDF330", f"{one.label} is no LoRA" + (f"; it looks like {other}" if other else ""))


def _refuse_shapes(one: OneFile, names: LoraNames, tensors: Mapping[str, TensorInfo]) -> None:
    """Refuse tensors that no layer can have, whatever the model: factors are matrices or kernels, alpha a number."""
    for parts in names.layers.values():
        for part, name in parts.items():
            info = tensors[name]
            alone = part == "alpha"
            flat = part in _FLAT or len(info.shape) > 1
            if info.elements == 1 if alone else flat and info.elements:
                continue
            message = f"{one.label} is broken: `{name}` has the shape {list(info.shape)}"
            raise Refused("SDF330", message, hint=_AGAIN)


def _what_it_is(tensors: Mapping[str, TensorInfo]) -> str | None:
    """What a file is that is no LoRA, as far as that shows."""
    other = looks_like(tensors)
    if other is not None:
        return other[0]
    parts = sorted(role.replace("_", " ") for role in find_parts(tensors))
    return "a checkpoint of a whole model" if len(parts) > 1 else f"a {parts[0]} alone" if parts else None


def _context(names: LoraNames, tensors: Mapping[str, Shaped]) -> int:
    """The width of the text that the changed cross-attention takes; 0 when it changes none."""
    for layer, parts in names.layers.items():
        if layer[0] == "unet" and layer[1].endswith(("_attn2_to_k", "_attn2_to_v")):
            return _inputs({part: tuple(tensors[name].shape) for part, name in parts.items()})
    return 0


def _inputs(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many inputs a changed linear layer has."""
    for part in ("down", "hada_w1_b"):
        if len(shapes.get(part, ())) > 1:
            return shapes[part][1]
    sides = [shapes.get(f"lokr_w{side}") or shapes.get(f"lokr_w{side}_b") or (0, 0) for side in "12"]
    return sides[0][1] * sides[1][1] if all(len(side) > 1 for side in sides) else 0


def family_of(names: LoraNames, tensors: Mapping[str, Shaped]) -> tuple[int, str]:
    """The width of text that a LoRA's cross-attention takes (0: it has none), and the family; empty where unknown."""
    context = _context(names, tensors)
    return context, _FAMILIES.get(context, "") if context else _family_without_context(names, tensors)


def _family_without_context(names: LoraNames, tensors: Mapping[str, Shaped]) -> str:
    layers: tuple[Layer, ...] = tuple(names.layers)
    if any(role == "text_encoder_2" or _TRANSFORMER_DEPTH.search(name) for role, name in layers):
        return "sdxl"
    for (role, name), parts in names.layers.items():
        if role == "text_encoder" and name.endswith("self_attn_q_proj"):
            width = _inputs({part: tuple(tensors[found].shape) for part, found in parts.items()})
            return "sd2" if width == 1024 else ""  # noqa: PLR2004  # 768 is SD 1.x and SDXL alike
    return ""
