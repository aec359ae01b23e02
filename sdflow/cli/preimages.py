"""What keys are made of, laid out in lines, and what differs between two of them."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from sdflow.cli.tables import printable
from sdflow.composition import Json

Flat: TypeAlias = dict[str, Json]

_DIGEST = 64
_SHOWN = 12


def flat(value: Json, path: str = "") -> Flat:
    """Every plain value by its dotted path; lists of plain values in one piece."""
    return dict(_flat(value, path))


def differences(before: Json, now: Json) -> list[tuple[str, str, str]]:
    """Path, value before and value now of all that is not the same; `-` for what is not there."""
    old, new = flat(before), flat(now)
    paths = dict.fromkeys((*new, *old))
    return [
        (path, shown(old[path]) if path in old else "-", shown(new[path]) if path in new else "-")
        for path in paths
        if (path in old) != (path in new) or old.get(path) != new.get(path)
    ]


def shown(value: Json) -> str:
    """A value on a line; digests by their beginning."""
    if isinstance(value, str) and _is_digest(value):
        algorithm, colon, digits = value.rpartition(":")
        return f"{algorithm}{colon}{digits[:_SHOWN]}…"
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return printable(str(value))


def _flat(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    nested = isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif nested and isinstance(value, list):
        for place, item in enumerate(value):
            yield from _flat(item, f"{path}.{place}")
    else:
        yield path, value


def _is_digest(text: str) -> bool:
    digits = text.rpartition(":")[2]
    return len(digits) == _DIGEST and all(character in "0123456789abcdef" for character in digits)
