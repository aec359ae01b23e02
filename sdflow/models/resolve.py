"""From a request to a model: plain data, and every problem at once. No torch, no weights."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from sdflow.composition import Json
from sdflow.device import Device
from sdflow.models.checkpoint.find import find_in_file, index_of, unet_config_of
from sdflow.models.classes import check_pipeline, field_of
from sdflow.models.component import Found, find_component, is_pipeline, peek_config
from sdflow.models.config import read_optional_json
from sdflow.models.context import Context
from sdflow.models.family import build_model, family_of, is_xl, roles_of
from sdflow.models.foreign import refuse_foreign
from sdflow.models.hub_place import HubPlace
from sdflow.models.misfits import misfits
from sdflow.models.place import Place, open_listed, open_place
from sdflow.models.refused import Finding, ModelError, Refused
from sdflow.models.request import ROLES, WEIGHTED, ModelRequest, PartRequest
from sdflow.models.tree import Memo
from sdflow.models.vocabulary import foreign_vocabulary
from sdflow.models.weights import refuse_variant, variants_in
from sdflow.problems import Problem
from sdflow.values import Component, Model


def resolve_model(
    request: ModelRequest,
    *,
    base: Path,
    device: Device,
    memo: Memo,
    cache_root: Path,
    offline: bool | None = None,
    hub: HubPlace | None = None,
) -> Model:
    """Find a model's components and describe them.

    Args:
        request: what the recipe asks for.
        base: the folder that relative paths start from.
        device: decides what `dtype: auto` is.
        memo: the sha256 of a file, remembered.
        cache_root: where built-in models and the hub's file listings are kept.
        offline: whether the network must not be used; None: as `HF_HUB_OFFLINE` says.
        hub: which hub and cache; None: as the environment says.

    Raises:
        ModelError: with everything that is wrong, and the fields that it is about.
    """
    place = hub or HubPlace.of_environment(cache_root, offline=offline)
    context = Context(base, memo, place, cache_root)

    def dtypes(role: str) -> str:
        asked = request.dtype_of(role)
        return device.default_dtype if asked == "auto" else asked

    parts = {role: _looked_up(part, (role,), dtypes, context) for role, part in request.parts.items()}
    whole = _base(request, parts, dtypes, context)
    findings = [Finding((error.field,), error.problem) for error in whole.refused.values()]
    for role, it in parts.items():
        findings += [Finding((role, error.field), error.problem) for error in it.refused.values()]
    components = _as_one(
        {role: it for looked in (whole, *parts.values()) for role, it in looked.found.items()}
    )
    if request.prediction_type is not None and "scheduler" in components:
        components["scheduler"] = _predicting(components["scheduler"], request.prediction_type)
    findings += _idle_dtypes(request, components)
    if request.base is None:
        findings += _left_out(request, components)
    findings += misfits(components)
    findings += foreign_vocabulary(components, request.parts)
    if findings:
        raise ModelError(findings)
    return build_model({role: components[role] for role in ROLES if role in components}, whole.index)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found in a place, by role; what was refused; and its `model_index.json`, if any."""

    found: Mapping[str, Found]
    refused: Mapping[str, Refused]
    index: Mapping[str, Json] | None = None


_Dtypes: TypeAlias = Callable[[str], str]
_Roles: TypeAlias = Callable[[Place], tuple[str, ...]] | tuple[str, ...]


def _base(request: ModelRequest, parts: Mapping[str, _Looked], dtypes: _Dtypes, context: Context) -> _Looked:
    """Everything that is not a part. Which roles there are to fill follows from the UNet, wherever that is from."""
    if request.base is None:
        return _Looked({}, {})
    unet = parts["unet"].found.get("unet") if "unet" in parts else None

    def roles(place: Place) -> tuple[str, ...]:
        config = unet.component.config if unet else _unet_config(place)
        return tuple(role for role in roles_of(family_of(config)) if role not in request.parts)

    return _looked_up(request.base, roles, dtypes, context)


def _unet_config(place: Place) -> Mapping[str, Json]:
    return peek_config(place, "unet") if place.file is None else unet_config_of(place, place.file)


def _as_one(found: Mapping[str, Found]) -> dict[str, Component]:
    """The components; a VAE alone in a file, which tells no family, is taken to be of the UNet's."""
    unet = found["unet"].component.config if "unet" in found else {}
    family = "x4-upscaler" if unet.get("num_class_embeds") else "sdxl" if is_xl(family_of(unet)) else "sd1"
    return {role: it.of_family(family) if it.of_family else it.component for role, it in found.items()}


def _predicting(scheduler: Component, prediction_type: str) -> Component:
    return replace(scheduler, config={**scheduler.config, "prediction_type": prediction_type})


def _idle_dtypes(request: ModelRequest, components: Mapping[str, Component]) -> Iterator[Finding]:
    """A precision for a component that the model does not have."""
    if isinstance(request.dtype, str) or "unet" not in components:
        return
    roles = {*roles_of(family_of(components["unet"].config)), "default"}
    for role in request.dtype:
        if role not in roles:
            message = f"this model has no {role.replace('_', ' ')} to give a precision to"
            yield Finding(("dtype", role), Problem("SDF308", message, hint="Leave it out."))


def _looked_up(request: PartRequest, roles: _Roles, dtypes: _Dtypes, context: Context) -> _Looked:
    try:
        return _resolve_place(request, roles, dtypes, context)
    except Refused as error:
        return _Looked({}, {"": error})


def _resolve_place(request: PartRequest, roles: _Roles, dtypes: _Dtypes, context: Context) -> _Looked:
    place = open_place(request, context)
    looked = _components(place, roles, dtypes)
    certain = not looked.refused and all(it.wanted_variant and it.preferred for it in looked.found.values())
    if place.tree.complete or certain:
        return looked
    # Only a part of the repository is here, and something was missed in it: the hub knows the rest.
    try:
        return _components(open_listed(request, context), roles, dtypes)
    except Refused as error:
        return replace(looked, refused={"": error} if looked.refused else {})


def _components(place: Place, wanted: _Roles, dtypes: _Dtypes) -> _Looked:
    found: dict[str, Found] = {}
    refused: dict[str, Refused] = {}
    roles = wanted(place) if callable(wanted) else wanted
    index = None
    if len(roles) > 1:
        try:
            index = _check_whole(place)
        except Refused as error:
            return _Looked({}, {"": error})
    for role in roles:
        try:
            file, dtype = place.file, dtypes(role)
            found[role] = (
                find_in_file(place, file, role, dtype) if file else find_component(place, role, dtype)
            )
        except Refused as error:
            refused[role] = error
    weighted = [it for role, it in found.items() if role in WEIGHTED]
    if place.variant and weighted and not any(it.wanted_variant for it in weighted):
        refused["variant"] = _no_variant(place)
    return _Looked(found, refused, index)


def _check_whole(place: Place) -> Mapping[str, Json] | None:
    """The `model_index.json` of a place, if any; refuse one that should be a whole model and is something else."""
    if place.file is not None:
        return index_of(place.file)
    if not is_pipeline(place.tree, place.root):
        raise refuse_foreign(place.tree, place.root)
    index = read_optional_json(place.tree, place.root, "model_index.json")
    if index is not None:
        check_pipeline(place.tree.label, index.get("_class_name"))
    return index


def _no_variant(place: Place) -> Refused:
    folders = [place.root, *(f"{place.root}/{role}".strip("/") for role in WEIGHTED)]
    known = frozenset().union(*(variants_in(place.tree, folder) for folder in folders))
    return refuse_variant(place.tree.label, place.variant or "", known)


def _left_out(request: ModelRequest, components: Mapping[str, Component]) -> list[Finding]:
    unet = components.get("unet")
    roles = roles_of(family_of(unet.config) if unet else "")
    missing = [role for role in roles if role not in request.parts]
    if not missing:
        return []
    listed = ", ".join(f"`{field_of(role)}`" for role in missing)
    verb = "is" if len(missing) == 1 else "are"
    message = f"without a source, every part has to be given; {listed} {verb} missing"
    return [Finding(("source",), Problem("SDF306", message, hint="Give `source:` for what is not a part."))]
