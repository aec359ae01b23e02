"""From a request to an upscaler's component. No torch, no weights."""

from typing import TYPE_CHECKING

from sdflow.models.adapter_file import find_file
from sdflow.models.context import Context
from sdflow.models.refused import Refused
from sdflow.models.request import AdapterRequest, PartRequest
from sdflow.models.upscaler_header import upscaler_in
from sdflow.models.weight_facts import bytes_of
from sdflow.values import Component

if TYPE_CHECKING:
    from sdflow.composition import Json

_RGB = 3
_HINT = "sdflow reads what spandrel does: ESRGAN, Real-ESRGAN, SwinIR, HAT, DAT, SPAN and their kin."


def find_upscaler(place: PartRequest, dtype: str, context: Context) -> Component:
    """The component of an upscaler; scale and channels are read from its file where they can be.

    Raises:
        Refused: there is no such file, or it is no upscaler for pictures in colour.
    """
    one = find_file(
        AdapterRequest("upscaler", place.source, place.file, place.revision, place.subfolder, place.sha256),
        context,
    )
    tensors = one.tensors()
    if any(name.startswith(("model.diffusion_model.", "down_blocks.", "lora_unet_")) for name in tensors):
        raise Refused("SDF369", f"{one.label} is a part of Stable Diffusion and no upscaler", hint=_HINT)
    found = upscaler_in(tensors)
    if found is not None and (found.taken, found.given) != (_RGB, _RGB):
        message = f"{one.label} takes {found.taken} channels and gives {found.given}, not pictures in colour"
        raise Refused("SDF369", message)
    parameters = sum(info.elements for info in tensors.values())
    config: dict[str, Json] = {"scale": found.scale} if found else {}
    name = found.name if found else "Model"
    return Component(
        "upscaler",
        "spandrel",
        name,
        config,
        (one.weight_file,),
        dtype,
        parameters,
        parameters * bytes_of(dtype),
        one.location,
    )
