"""Why a node has to run, in a few words: what differs from the last time."""

from collections.abc import Mapping, Sequence
from typing import TypeGuard

from sdflow.composition import Json

_LONGEST = 48


def difference(before: Mapping[str, Json], now: Mapping[str, Json], sources: Mapping[str, str]) -> list[str]:
    """What changed between two preimages: `steps 20 → 30`, `input sample changed`, `model unet changed` and the like.

    `sources` names the node that feeds each input.
    """
    if before.get("node") != now.get("node"):
        return [f"type {before.get('node')} → {now.get('node')}"]
    found: list[str] = []
    if before.get("version") != now.get("version"):
        found.append(f"node version {before.get('version')} → {now.get('version')}")
    found += [f"{name} {shown(old)} → {shown(new)}" for name, old, new in _changed(before, now, "fields")]
    found += [f"file of {name} changed" for name, _, _ in _changed(before, now, "files")]
    for name, old, new in _changed(before, now, "inputs"):
        found += _input_reason(name, old, new, sources)
    found += [f"{name} {shown(old)} → {shown(new)}" for name, old, new in _changed(before, now, "numerics")]
    return found or ["format of keys changed"]


def _input_reason(name: str, old: Json, new: Json, sources: Mapping[str, str]) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict) and "model" in old and "model" in new:
        return [_part_reason(role, was, now) for role, was, now in _changed(old, new, "model")]
    if (
        isinstance(old, dict)
        and isinstance(new, dict)
        and old.get("trajectory") == new.get("trajectory") is not None
    ):
        return [f"other states of {sources.get(name, name)}"]
    return [f"input {sources.get(name, name)} changed"]


def _part_reason(role: str, old: Json, new: Json) -> str:
    """Of a component of a model: whether it is another one, or what lies on it."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return f"model {role} changed"
    if any(old.get(name) != new.get(name) for name in {*old, *new} - {"adapters"}):
        return f"model {role} changed"
    before, now = (_weights(it.get("adapters")) for it in (old, new))
    if [file for file, _ in before] != [file for file, _ in now]:
        return f"other LoRAs or embeddings on {role}"
    was, is_ = next((a, b) for (_, a), (_, b) in zip(before, now, strict=True) if a != b)
    return f"LoRA on {role} {shown(was)} → {shown(is_)}"


def _weights(adapters: Json) -> list[tuple[Json, Json]]:
    """What lies on a component, without and with its weight."""
    listed = [it for it in adapters if isinstance(it, dict)] if isinstance(adapters, list) else []
    return [({**it, "weight": None}, it.get("weight")) for it in listed]


def _changed(before: Mapping[str, Json], now: Mapping[str, Json], part: str) -> list[tuple[str, Json, Json]]:
    old = before.get(part)
    new = now.get(part)
    old_map = old if isinstance(old, dict) else {}
    new_map = new if isinstance(new, dict) else {}
    names: Sequence[str] = list(dict.fromkeys((*new_map, *old_map)))
    return [
        changed
        for name in names
        if old_map.get(name) != new_map.get(name)
        for changed in _inside(name, old_map.get(name), new_map.get(name))
    ]


def _inside(name: str, old: Json, new: Json) -> list[tuple[str, Json, Json]]:
    """Of parts, of which there are as many as before, what differs within them."""
    if not (_are_parts(old) and _are_parts(new) and len(old) == len(new)):
        return [(name, old, new)]
    return [
        (f"{name}.{place}.{key}", was.get(key), now.get(key))
        for place, (was, now) in enumerate(zip(old, new, strict=True))
        for key in dict.fromkeys((*now, *was))
        if was.get(key) != now.get(key)
    ]


def _are_parts(value: Json) -> TypeGuard[list[dict[str, Json]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def shown(value: Json) -> str:
    """A field's value, short enough for a line."""
    if value is None:
        return "none"
    if _are_parts(value):
        return f"a list of {len(value)}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
