"""The lock of what was planned."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from sdflow.composition import UsedRecipe
from sdflow.graph.build import Graph
from sdflow.graph.facts import AdapterNeed, ComponentNeed, Facts, FileNeed, ModelNeed
from sdflow.graph.node import Need
from sdflow.locking.lock import Lock, Pin, Place
from sdflow.locking.places import Request, place_name, places_of
from sdflow.values import Component, WeightFile, digest_of_json


def lock_of(graph: Graph, facts: Facts, uses: Sequence[UsedRecipe] = ()) -> Lock:
    """Everything that the nodes of a graph need to know of the world, as it is now, and the recipes that were used."""
    inputs: dict[str, Pin] = {}
    places: dict[str, Place] = {}
    for item in graph.nodes:
        for need in item.node.needs():
            if isinstance(need, FileNeed):
                file = facts.file(need.path)
                inputs[need.path] = Pin(file.digest, file.size)
            else:
                for name, place in found_places(need, facts).items():
                    known = places.get(name, Place())
                    places[name] = Place(place.revision or known.revision, {**known.files, **place.files})
    versions = {item.node.name: item.node.version for item in graph.nodes}
    return Lock(inputs, places, versions, {used.name: Pin(used.digest) for used in uses})


def found_places(need: Need, facts: Facts) -> Mapping[str, Place]:
    """What was found at the places that a need names."""
    if isinstance(need, FileNeed):
        return {}
    request = cast("Request", need.request)
    named = {role: place_name(place) for role, place in places_of(request)}
    found: dict[str, Place] = {}
    for role, revision, files in _files(need, facts):
        name = named.get(role, named.get("", ""))
        if name:
            known = found.get(name, Place())
            found[name] = Place(revision or known.revision, {**known.files, **files})
    return found


def _files(need: Need, facts: Facts) -> Iterator[tuple[str, str, dict[str, Pin]]]:
    """Role, commit and files of each thing that a need brings."""
    if isinstance(need, ModelNeed):
        for role, part in facts.model(need.token).components.items():
            yield role, part.location.revision or "", _of_component(f"{role}/", part)
    elif isinstance(need, AdapterNeed):
        adapter = facts.adapter(need.token)
        yield "", adapter.location.revision or "", {adapter.file.name: _pin(adapter.file)}
    elif isinstance(need, ComponentNeed):
        part = facts.component(need.token)
        yield "", part.location.revision or "", _of_component("", part)


def _of_component(prefix: str, part: Component) -> dict[str, Pin]:
    files = {f"{prefix}{file.name}": _pin(file) for file in part.files}
    if part.config:
        files[f"{prefix}configuration"] = Pin(f"sha256:{digest_of_json(dict(part.config))}")
    return files


def _pin(file: WeightFile) -> Pin:
    return Pin(file.digest, file.size)
