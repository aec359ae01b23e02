"""What a file of weights looks like that is no checkpoint of Stable Diffusion: told from the names of its tensors."""

import re
from collections.abc import Mapping

from sdflow.models.safetensors_header import TensorInfo

_ADAPTER = "It is laid on a model and is none: load the model that it was made for first."
_WORD = "It adds a word to a model and is none."
_CONTROL = "It guides a model and is none: load the model that it was made for first."
_ORIGINAL = "Take the file with the original weights."

_KINDS: tuple[tuple[str, str, str], ...] = (
    (r"(^|\.)scaled_fp8$|\.(absmax|quant_map|quant_state.*|scale_weight|weight_scale|SCB)$",
     "a model with quantized weights", _ORIGINAL),
    (r"\.(hada_w\d_a|lokr_w\d(_a)?|oft_blocks|oft_diag|dora_scale)$", "a LyCORIS", _ADAPTER),
    (r"^lora_|[._]lora[._]|\.lora$", "a LoRA", _ADAPTER),
    (r"^(emb_params|string_to_param\..*|clip_[gl])$", "a textual inversion", _WORD),
    (r"^(control_model|input_hint_block|controlnet_cond_embedding|lllite_unet.*?)\.", "a ControlNet", _CONTROL),
    (r"^(adapter\.)?body\.\d+\.(resnets|block1|in_conv|attnlist)", "a T2I-Adapter", _CONTROL),
    (r"^(image_proj|ip_adapter)\.", "an IP-Adapter", _CONTROL),
    (r"(^|\.)motion_modules\.", "a motion module of AnimateDiff", _ADAPTER),
    (r"\.time_stack\.", "a Stable Video Diffusion checkpoint", ""),
    (r"^noise_augmentor\.|^embedder\.model\.visual", "a Stable unCLIP checkpoint", ""),
    (r"^cond_stage_model\.roberta\.", "an AltDiffusion checkpoint", ""),
    (r"^(edm_mean|edm_std)$", "a Playground v2.5 checkpoint", ""),
    (r"^edm_vpred\.", "a CosXL checkpoint", ""),
    (r"txt_in\.individual_token_refiner\.", "a HunyuanVideo checkpoint", ""),
    (r"(^|\.)double_blocks\.\d", "a FLUX checkpoint", ""),
    (r"(^|\.)joint_blocks\.\d", "a Stable Diffusion 3 checkpoint", ""),
    (r"(^|\.)double_layers\.\d", "an AuraFlow checkpoint", ""),
    (r"(^|\.)(clip_txt_mapper|down_blocks\.\d+\.\d+\.channelwise)\.", "a Stable Cascade checkpoint", ""),
    (r"^(model\.diffusion_model\.)?(single_)?(transformer_)?(blocks|layers)\.\d+\..*attn",
     "a diffusion transformer", ""),
    (r"^(conv_first|RRDB_trunk|body\.\d+\.rdb\d)[._]|^model\.\d+\.sub\.\d|^params(_ema)?\.(conv_first|body)\.",
     "an upscaler such as ESRGAN", ""),
    (r"^(text_encoders\..*)?(encoder|decoder)\.block\.\d+\.layer\.\d", "a T5 text encoder", ""),
    (r"^(model\.)?layers\.\d+\.self_attn\.", "a language model", ""),
    (r"^3\.conv\.0\.weight$", "one half of TAESD",
     "Name the folder that holds both `taesd_encoder` and `taesd_decoder`."),
    (r"^(768|1024|1280|640|320)\.\d+\.linear", "a hypernetwork", ""),
)  # fmt: skip
"""The name of a tensor (a pattern), what has such tensors, and what to do with it."""

_SMALL = frozenset({"a LyCORIS", "a LoRA", "a textual inversion", "a hypernetwork"})
"""Kinds whose tensors count for nothing beside a whole UNet."""
_VISION = re.compile(r"^(vision_model|visual)\.")
_EMBEDDING_WIDTHS = {768, 1024, 1280}


def looks_like(tensors: Mapping[str, TensorInfo], *, has_unet: bool = False) -> tuple[str, str] | None:
    """What a file is, and what to do with it; None when nothing in it speaks against Stable Diffusion.

    Beside a UNet of a known form (`has_unet`), what somebody left of an adapter makes no adapter of the file.
    """
    for pattern, what, hint in _KINDS:
        if has_unet and what in _SMALL:
            continue
        found = re.compile(pattern)
        if any(found.search(name) for name in tensors):
            return what, hint
    few = len(tensors) <= 2  # noqa: PLR2004  # one word, for one or two text encoders
    shapes = {info.shape[-1] for info in tensors.values() if 1 <= len(info.shape) <= 2}  # noqa: PLR2004
    if not has_unet and tensors and few and shapes <= _EMBEDDING_WIDTHS and shapes:
        return "a textual inversion", _WORD
    return None


def is_clip_vision(tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether a file holds the half of CLIP that sees pictures."""
    return any(_VISION.match(name) for name in tensors)
