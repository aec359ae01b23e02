"""What a lock calls the places where models come from."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias

from sdflow.models.request import AdapterRequest, ComponentRequest, ModelRequest, PartRequest

Request: TypeAlias = ModelRequest | AdapterRequest | ComponentRequest

_FIELDS = ("revision", "variant", "subfolder", "file")


def place_name(place: PartRequest | AdapterRequest | ModelRequest) -> str:
    """A place as a recipe names it: `owner/name`, and what else is said of it, `owner/name variant=fp16`."""
    said = [f"{name}={value}" for name in _FIELDS if (value := getattr(place, name, None)) is not None]
    return " ".join([str(place.source), *said])


def places_of(request: Request) -> Iterator[tuple[str, PartRequest | AdapterRequest]]:
    """The places that a request names, with the role of what is taken there; empty for all that is not a part."""
    if isinstance(request, AdapterRequest):
        yield "", request
    elif isinstance(request, ComponentRequest):
        yield "", request.place
    else:
        if request.base is not None:
            yield "", request.base
        yield from request.parts.items()


def with_revisions(request: Request, revisions: dict[str, str]) -> Request:
    """The request with the commits of its places, where they are known by their names."""
    if isinstance(request, AdapterRequest):
        return replace(request, revision=revisions.get(place_name(request), request.revision))
    if isinstance(request, ComponentRequest):
        return replace(request, place=_pinned(request.place, revisions))
    parts = {role: _pinned(part, revisions) for role, part in request.parts.items()}
    base = request.base
    revision = request.revision if base is None else _pinned(base, revisions).revision
    return replace(request, parts=parts, revision=revision)


def _pinned(place: PartRequest, revisions: dict[str, str]) -> PartRequest:
    return replace(place, revision=revisions.get(place_name(place), place.revision))
