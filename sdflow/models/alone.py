"""From a request to a component that is no part of a model, such as an image encoder. No torch, no weights."""

from dataclasses import replace

from sdflow.device import Device
from sdflow.models.checkpoint.find import find_in_file
from sdflow.models.component import Found, find_component
from sdflow.models.context import Context
from sdflow.models.control_file import find_control_file
from sdflow.models.find_checker import find_checker
from sdflow.models.ip_adapter_file import ENCODER_HINT, beside, find_ip_adapter
from sdflow.models.place import Place, open_listed, open_place
from sdflow.models.refused import Finding, ModelError, Refused
from sdflow.models.request import ComponentRequest
from sdflow.models.upscaler_file import find_upscaler
from sdflow.values import Component
from sdflow.values.control import CONTROL_ROLE
from sdflow.values.safety_checker import CHECKER_ROLE

_NOTHING_THERE = frozenset({"SDF302", "SDF306", "SDF315"})


def describe_component(request: ComponentRequest, context: Context, device: Device) -> Component:
    """Find a component and describe it; `device` decides what `dtype: auto` is.

    Raises:
        ModelError: with what is wrong, and the field that it is about.
    """
    dtype = device.default_dtype if request.dtype == "auto" else request.dtype
    try:
        if request.role == "upscaler":
            return find_upscaler(request.place, dtype, context)
        if request.role == "ip_adapter":
            return find_ip_adapter(request.place, dtype, context)
        if request.beside:
            return _beside(request, dtype, context)
        return _found(request, dtype, context).component
    except Refused as error:
        field = (request.field, error.field) if request.field else (error.field,)
        raise ModelError((Finding(field, error.problem),)) from error


def _beside(request: ComponentRequest, dtype: str, context: Context) -> Component:
    """The component in a folder beside a file; where there is none, the field is told that says another place."""
    place = beside(request.place, request.beside, context)
    try:
        return _found(replace(request, place=place), dtype, context).component
    except Refused as error:
        told = error.problem
        if told.code not in _NOTHING_THERE:
            raise
        raise Refused(told.code, told.message, hint=ENCODER_HINT, field="image_encoder") from error


def _found(request: ComponentRequest, dtype: str, context: Context) -> Found:
    if request.role == CONTROL_ROLE:
        alone = find_control_file(request.place, context, dtype)
        if alone is not None:
            return alone
    place = open_place(request.place, context)
    refused, found = None, None
    try:
        found = _in(place, request.role, dtype)
    except Refused as error:
        refused = error
    if found is not None and (place.tree.complete or (found.wanted_variant and found.preferred)):
        return found
    if place.tree.complete and refused is not None:
        raise refused
    # Only a part of the repository is here, and something was missed in it: the hub knows the rest.
    try:
        return _in(open_listed(request.place, context), request.role, dtype)
    except Refused:
        if found is not None:
            return found
        raise


def _in(place: Place, role: str, dtype: str) -> Found:
    if role == CHECKER_ROLE:
        return find_checker(place, dtype)
    if place.file is None:
        return find_component(place, role, dtype)
    return find_in_file(place, place.file, role, dtype)
