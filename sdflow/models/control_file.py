"""A ControlNet or T2I-Adapter in one file: in the names of diffusers, or in those of its authors (`control_model.`)."""

from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.models.checkpoint.looks_like import looks_like
from sdflow.models.component import Found, described
from sdflow.models.config import cleaned
from sdflow.models.context import Context
from sdflow.models.control_form import control_config
from sdflow.models.one_file import OneFile, completed, find_one_file
from sdflow.models.place import open_place
from sdflow.models.refused import Refused
from sdflow.models.request import PartRequest
from sdflow.models.safetensors_header import DTYPES, TensorInfo
from sdflow.models.source import parse_source
from sdflow.models.t2i_adapter_file import adapter_config
from sdflow.models.weight_facts import bytes_of
from sdflow.values import Component
from sdflow.values.control import CONTROL_ROLE

_PREFIX = "control_model."
_SIGNS = ("input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight")
_OTHERS = "Take the ControlNet itself, or a T2I-Adapter."


def find_control_file(request: PartRequest, context: Context, dtype: str) -> Found | None:
    """The network of a request for one file; None where it is for a folder or a repository.

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
    adapter = adapter_config(own)
    if adapter is None and not any(sign in own for sign in _SIGNS):
        raise _unknown(one, own)
    class_name, config = _config(one, request, context, own, adapter)
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


def _unknown(one: OneFile, tensors: Mapping[str, TensorInfo]) -> Refused:
    """What to say of a file that is neither."""
    if any(name.startswith("lllite_unet") for name in tensors):
        return Refused(
            "SDF303", f"{one.label} is a ControlNet-LLLite, which sdflow does not run", hint=_OTHERS
        )
    if "lora_controlnet" in tensors or any(name.endswith(".down") for name in tensors):
        return Refused("SDF303", f"{one.label} is a Control-LoRA, which sdflow does not run", hint=_OTHERS)
    other = looks_like(tensors)
    what = f"{one.label} looks like {other[0]}" if other else f"{one.label} is none that sdflow knows"
    return Refused("SDF303", f"{what}: neither a ControlNet nor a T2I-Adapter")


def _config(
    one: OneFile,
    request: PartRequest,
    context: Context,
    tensors: Mapping[str, TensorInfo],
    adapter: Mapping[str, Json] | None,
) -> tuple[str, Mapping[str, Json]]:
    """Class and configuration: those that the user names, or those that its tensors tell."""
    if request.config is not None:
        try:
            found = described(open_place(PartRequest(request.config), context), CONTROL_ROLE)
        except Refused as error:
            raise error.about("config") from error
        return found.class_name, found.config
    if adapter is not None:
        return "T2IAdapter", adapter
    told = control_config(tensors, one.name)
    if told is None:
        message = f"{one.label} is a ControlNet of a form that its tensors do not tell"
        hint = "Name a diffusers folder or a hub id that has its configuration: `config: SOURCE`."
        raise Refused("SDF320", message, hint=hint, field="config")
    return told
