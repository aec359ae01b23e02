"""From a request to a model: plain data, and every problem at once. No torch, no weights."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sdflow.device import Device
from sdflow.models.classes import check_pipeline
from sdflow.models.component import Found, find_component, is_pipeline
from sdflow.models.config import read_optional_json
from sdflow.models.context import Context
from sdflow.models.family import build_model, misfits
from sdflow.models.foreign import refuse_foreign
from sdflow.models.hub_place import HubPlace
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
    dtype = device.default_dtype if request.dtype == "auto" else request.dtype
    findings: list[Finding] = []
    components: dict[str, Component] = {}
    for field, part, roles in _places(request):
        try:
            found, refused = _resolve_place(part, roles, dtype, context)
        except Refused as error:
            found, refused = {}, {"": error}
        components.update({role: it.component for role, it in found.items()})
        findings += [Finding((*field, error.field), error.problem) for error in refused.values()]
    if request.base is None:
        findings += _left_out(request)
    findings += misfits(components)
    if {"tokenizer", "text_encoder"} & request.parts.keys():
        findings += foreign_vocabulary(components)
    if findings:
        raise ModelError(findings)
    return build_model(components)


def _places(request: ModelRequest) -> Iterator[tuple[tuple[str, ...], PartRequest, tuple[str, ...]]]:
    """The places to look at: the field that names each, the request, and the roles that it is to fill."""
    if request.base is not None:
        yield (), request.base, tuple(role for role in ROLES if role not in request.parts)
    for role, part in request.parts.items():
        yield (role,), part, (role,)


def _resolve_place(
    request: PartRequest, roles: tuple[str, ...], dtype: str, context: Context
) -> tuple[Mapping[str, Found], Mapping[str, Refused]]:
    place = open_place(request, context)
    found, refused = _components(place, roles, dtype)
    certain = not refused and all(it.wanted_variant and it.preferred for it in found.values())
    if place.tree.complete or certain:
        return found, refused
    # Only a part of the repository is here, and something was missed in it: the hub knows the rest.
    try:
        return _components(open_listed(request, context), roles, dtype)
    except Refused as error:
        return found, {"": error} if refused else {}


def _components(
    place: Place, roles: tuple[str, ...], dtype: str
) -> tuple[Mapping[str, Found], Mapping[str, Refused]]:
    found: dict[str, Found] = {}
    refused: dict[str, Refused] = {}
    if len(roles) > 1:
        try:
            _check_whole(place)
        except Refused as error:
            return {}, {"": error}
    for role in roles:
        try:
            found[role] = find_component(place, role, dtype)
        except Refused as error:
            refused[role] = error
    weighted = [it for role, it in found.items() if role in WEIGHTED]
    if place.variant and weighted and not any(it.wanted_variant for it in weighted):
        refused["variant"] = _no_variant(place)
    return found, refused


def _check_whole(place: Place) -> None:
    """Refuse a place that should be a whole model and is something else."""
    if not is_pipeline(place.tree, place.root):
        raise refuse_foreign(place.tree, place.root)
    index = read_optional_json(place.tree, place.root, "model_index.json")
    if index is not None:
        check_pipeline(place.tree.label, index.get("_class_name"))


def _no_variant(place: Place) -> Refused:
    folders = [place.root, *(f"{place.root}/{role}".strip("/") for role in WEIGHTED)]
    known = frozenset().union(*(variants_in(place.tree, folder) for folder in folders))
    return refuse_variant(place.tree.label, place.variant or "", known)


def _left_out(request: ModelRequest) -> list[Finding]:
    missing = [role for role in ROLES if role not in request.parts]
    if not missing:
        return []
    listed = ", ".join(f"`{role}`" for role in missing)
    verb = "is" if len(missing) == 1 else "are"
    message = f"without a source, every part has to be given; {listed} {verb} missing"
    return [Finding(("source",), Problem("SDF306", message, hint="Give `source:` for what is not a part."))]
