"""A lock as text: YAML, sorted, one fact on a line, so that git compares and merges it well."""

import re
from collections.abc import Iterator, Mapping
from typing import cast

from sdflow.locking.lock import Lock, Pin, Place
from sdflow.problems import UserError, problem
from sdflow.recipe.resolved import yaml_scalar
from sdflow.recipe.source import Source
from sdflow.recipe.yaml12 import parse_text

FORMAT = 1
_HEAD = "# Made by `sdflow lock`, to be kept in git beside the recipe. Not for editing by hand.\n"
_DIGEST = re.compile(r"([a-z0-9-]+:[0-9a-f]+)(?: (\d+))?")


def lock_text(lock: Lock) -> str:
    """The file's text; equal locks have equal texts."""
    lines = [f"sdflow-lock: {FORMAT}", *_inputs(lock), *_places(lock), *_nodes(lock), *_recipes(lock)]
    return _HEAD + "\n".join(lines) + "\n"


def parse_lock(text: str, file: str) -> Lock:
    """The reverse of `lock_text`.

    Raises:
        UserError: SDF751, it is no lock; SDF752, a newer sdflow wrote it; or what is wrong with its YAML.
    """
    tree = parse_text(Source(file, text))
    if tree.problems:
        raise UserError(*tree.problems)
    value = tree.value
    if not isinstance(value, dict) or "sdflow-lock" not in value:
        raise _damaged(file, "there is no sdflow-lock in it")
    version = value["sdflow-lock"]
    if version != FORMAT:
        hint = "upgrade sdflow, or make the lock anew with `sdflow lock`"
        raise problem("SDF752", f"{file} has format {version}, this sdflow reads {FORMAT}", hint=hint)
    unknown = value.keys() - {"sdflow-lock", "inputs", "places", "nodes", "recipes"}
    if unknown:
        raise _damaged(file, f"nobody knows what {', '.join(sorted(map(str, unknown)))} is")
    try:
        return Lock(
            {name: _pin(pin) for name, pin in _mapping(value.get("inputs")).items()},
            {name: _place(place) for name, place in _mapping(value.get("places")).items()},
            {name: cast("int", version) for name, version in _mapping(value.get("nodes")).items()},
            {name: _pin(pin) for name, pin in _mapping(value.get("recipes")).items()},
        )
    except (TypeError, ValueError) as error:
        raise _damaged(file, str(error)) from error


def _inputs(lock: Lock) -> Iterator[str]:
    if lock.inputs:
        yield "inputs:"
        yield from (f"  {yaml_scalar(name)}: {_shown(pin)}" for name, pin in sorted(lock.inputs.items()))


def _places(lock: Lock) -> Iterator[str]:
    if lock.places:
        yield "places:"
    for name, place in sorted(lock.places.items()):
        yield f"  {yaml_scalar(name)}:"
        if place.revision:
            yield f"    revision: {yaml_scalar(place.revision)}"
        if place.files:
            yield "    files:"
        yield from (f"      {yaml_scalar(file)}: {_shown(pin)}" for file, pin in sorted(place.files.items()))


def _nodes(lock: Lock) -> Iterator[str]:
    if lock.nodes:
        yield "nodes:"
        yield from (f"  {name}: {version}" for name, version in sorted(lock.nodes.items()))


def _recipes(lock: Lock) -> Iterator[str]:
    if lock.recipes:
        yield "recipes:"
        yield from (f"  {yaml_scalar(name)}: {_shown(pin)}" for name, pin in sorted(lock.recipes.items()))


def _shown(pin: Pin) -> str:
    return pin.digest if pin.size is None else f"{pin.digest} {pin.size}"


def _pin(value: object) -> Pin:
    found = _DIGEST.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value} is no digest with a size")
    return Pin(found[1], int(found[2]) if found[2] else None)


def _place(value: object) -> Place:
    place = _mapping(value)
    if place.keys() - {"revision", "files"}:
        raise ValueError("a place has a revision and files")
    return Place(
        str(place.get("revision", "")),
        {name: _pin(pin) for name, pin in _mapping(place.get("files")).items()},
    )


def _mapping(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"{value} is no mapping")
    return cast("dict[str, object]", value)


def _damaged(file: str, why: str) -> UserError:
    return problem("SDF751", f"{file} is no lock: {why}", hint="make it anew with `sdflow lock`")
