"""Tensors in what a checkpoint holds: found in nested mappings, named by their way through them."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from sdflow.models.pickle_names import Inert
from sdflow.models.safetensors_header import BrokenHeaderError

T = TypeVar("T")
_DEEPEST = 8
_MOST = 1_000_000


def tensors_of(content: object, kind: type[T]) -> dict[str, T]:
    """All leaves of a kind by name; those in nested mappings and lists are named `outer.inner`.

    A `state_dict` inside is taken for the whole, as training frameworks save it.

    Raises:
        BrokenHeaderError: it is nested beyond sense.
    """
    inner = _children(content)
    while "state_dict" in inner and (weights := _children(inner["state_dict"])):
        inner = weights
    found: dict[str, T] = {}
    for count, (name, value) in enumerate(_walk(inner)):
        if count > _MOST:
            raise BrokenHeaderError("is a broken checkpoint: it is nested beyond sense")
        if isinstance(value, kind):
            found[name] = value
    return found


def _walk(top: Mapping[Any, object]) -> Iterator[tuple[str, object]]:
    waiting = [("", top, 0)]
    while waiting:
        prefix, inner, depth = waiting.pop()
        for key, value in inner.items():
            name = f"{prefix}{key}"
            yield name, value
            children = _children(value) if depth < _DEEPEST else {}
            if children:
                waiting.append((f"{name}.", children, depth + 1))


def _children(value: object) -> Mapping[Any, object]:
    """What is inside: of a mapping, a list, or of the parameters that a stand-in keeps."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list):
        return dict(enumerate(value))
    if isinstance(value, Inert) and isinstance(value.state, Mapping):
        parameters = value.state.get("_parameters")
        return parameters if isinstance(parameters, Mapping) else {}
    return {}
