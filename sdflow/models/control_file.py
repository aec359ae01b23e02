"""A ControlNet in one file: in the names of diffusers, or in those of its authors (`control_model.`)."""

from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.models.checkpoint.published import published
from sdflow.models.component import Found, described
from sdflow.models.config import cleaned
from sdflow.models.context import Context
from sdflow.models.one_file import OneFile, completed, find_one_file
from sdflow.models.place import open_place
from sdflow.models.refused import Refused
from sdflow.models.request import PartRequest
from sdflow.models.safetensors_header import DTYPES, TensorInfo
from sdflow.models.source import parse_source
from sdflow.models.weight_facts import bytes_of
from sdflow.values import Component
from sdflow.values.control import CONTROL_ROLE

_PREFIX = "control_model."
_SIGNS = ("input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight")
_UNION = "task_embedding"
_FAMILIES = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""The family that a ControlNet is for, by the width of the text that it takes."""
_SHARED = frozenset(
    {
        "act_fn",
        "addition_embed_type",
        "addition_time_embed_dim",
        "attention_head_dim",
        "block_out_channels",
        "cross_attention_dim",
        "down_block_types",
        "downsample_padding",
        "flip_sin_to_cos",
        "freq_shift",
        "layers_per_block",
        "mid_block_scale_factor",
        "norm_eps",
        "norm_num_groups",
        "projection_class_embeddings_input_dim",
        "transformer_layers_per_block",
        "use_linear_projection",
    }
)
"""What the configuration of a ControlNet has from that of its UNet."""


def find_control_file(request: PartRequest, context: Context, dtype: str) -> Found | None:
    """The ControlNet of a request for one file; None where it is for a folder or a repository.

    Raises:
        Refused: there is no such file, it is something else, or it does not tell enough of itself.
    """
    source = parse_source(request.source, context.base)
    request = completed(request, source)
    one = find_one_file(source, request, context)
    if one is None:
        return None
    tensors = one.tensors()
    prefix = _PREFIX if any(name.startswith(_PREFIX) for name in tensors) else ""
    own = {name.removeprefix(prefix): it for name, it in tensors.items() if name.startswith(prefix)}
    if not any(sign in own for sign in _SIGNS):
        hint = "A T2I-Adapter is read from its diffusers folder."
        raise Refused("SDF303", f"{one.label} is no ControlNet that sdflow knows", hint=hint)
    class_name, config = _config(one, request, context, own)
    count = sum(info.elements for info in own.values() if info.dtype in DTYPES)
    component = Component(
        CONTROL_ROLE,
        "diffusers",
        class_name,
        cleaned(dict(config)),
        (one.weight_file,),
        dtype,
        count,
        count * bytes_of(dtype),
        one.location,
        part=prefix,
    )
    return Found(component)


def _config(
    one: OneFile, request: PartRequest, context: Context, tensors: Mapping[str, TensorInfo]
) -> tuple[str, Mapping[str, Json]]:
    """Class and configuration: those that the user names, or the published ones of its family."""
    if request.config is not None:
        try:
            found = described(open_place(PartRequest(request.config), context), CONTROL_ROLE)
        except Refused as error:
            raise error.about("config") from error
        return found.class_name, found.config
    widths = [it.shape[1] for name, it in tensors.items() if name.endswith("attn2.to_k.weight")]
    family = _FAMILIES.get(widths[0]) if widths else None
    if family is None or _UNION in tensors:
        message = f"{one.label} is a ControlNet of a form that its tensors do not tell"
        hint = "Name a diffusers folder or a hub id that has its configuration: `config: SOURCE`."
        raise Refused("SDF320", message, hint=hint, field="config")
    unet = published(family, "unet")
    return "ControlNetModel", {name: it for name, it in unet.items() if name in _SHARED}
