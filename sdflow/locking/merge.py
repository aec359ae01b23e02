"""Three versions of a lock become one: facts, not lines, are merged."""

from collections.abc import Mapping
from typing import TypeVar

from sdflow.locking.lock import Lock, Place

V = TypeVar("V")


def merge(base: Lock, ours: Lock, theirs: Lock) -> tuple[Lock, tuple[str, ...]]:
    """What both sides made of a lock, and the names of facts that they changed in different ways (ours is kept)."""
    conflicts: list[str] = []
    inputs = _merged(base.inputs, ours.inputs, theirs.inputs, conflicts)
    nodes = _merged(base.nodes, ours.nodes, theirs.nodes, conflicts)
    places: dict[str, Place] = {}
    for name in dict.fromkeys((*ours.places, *theirs.places)):
        three = tuple(side.places.get(name) for side in (base, ours, theirs))
        if three[1] is None or three[2] is None:
            kept = _one({"": three[0]}, {"": three[1]}, {"": three[2]}, "", conflicts, name)
            if kept is not None:
                places[name] = kept
            continue
        old, one, two = (place or Place() for place in three)
        revisions = ({"": old.revision}, {"": one.revision}, {"": two.revision})
        revision = _one(*revisions, "", conflicts, f"{name} revision") or ""
        places[name] = Place(revision, _merged(old.files, one.files, two.files, conflicts, f"{name} "))
    recipes = _merged(base.recipes, ours.recipes, theirs.recipes, conflicts)
    return Lock(inputs, places, nodes, recipes), tuple(conflicts)


def _merged(
    base: Mapping[str, V],
    ours: Mapping[str, V],
    theirs: Mapping[str, V],
    conflicts: list[str],
    prefix: str = "",
) -> dict[str, V]:
    names = dict.fromkeys((*ours, *theirs))
    kept = {name: _one(base, ours, theirs, name, conflicts, prefix + name) for name in names}
    return {name: value for name, value in kept.items() if value is not None}


def _one(  # noqa: PLR0917 - three sides, and where to tell
    base: Mapping[str, V | None],
    ours: Mapping[str, V | None],
    theirs: Mapping[str, V | None],
    name: str,
    conflicts: list[str],
    told: str,
) -> V | None:
    old, one, two = base.get(name), ours.get(name), theirs.get(name)
    if two in (one, old):
        return one
    if one == old:
        return two
    conflicts.append(told)
    return one
