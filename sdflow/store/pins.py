"""Pins: keys that gc keeps, because a user named them or because a process is using them."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from sdflow.store.files import read_small, write_whole
from sdflow.store.held import hold, remove_abandoned
from sdflow.store.layout import Layout, listed


def pin(layout: Layout, name: str, keys: Iterable[str]) -> None:
    """Keep `keys` under a name until `unpin`; what the name kept before is let go.

    Raises:
        OSError: the folder cannot be written.
    """
    content = json.dumps({"name": name, "keys": sorted(set(keys))}).encode()
    write_whole(_file(layout, name), [content], layout.temporary, durable=True)


def unpin(layout: Layout, name: str) -> bool:
    """Let go what `name` kept; False when there was no such name."""
    try:
        os.unlink(_file(layout, name))
    except FileNotFoundError:
        return False
    return True


def named_pins(layout: Layout) -> Mapping[str, frozenset[str]]:
    """The named pins with their keys."""
    found = (_read(entry.path) for entry in listed(layout.pins) if entry.name.endswith(".json"))
    return {name: keys for name, keys in found if name}


def pinned_keys(layout: Layout) -> frozenset[str]:
    """Every key that is pinned now, by name or by a living process."""
    keys: set[str] = set()
    for kept in named_pins(layout).values():
        keys |= kept
    for entry in listed(layout.running_pins):
        if not remove_abandoned(entry.path):
            keys |= _read(entry.path)[1]
    return frozenset(keys)


@contextmanager
def running_pin(layout: Layout, keys: Iterable[str]) -> Iterator[None]:
    """Keep `keys` while the block runs, or until the process dies.

    In a folder that cannot be written nothing can be removed either, so that failing to pin is no matter.
    """
    content = json.dumps({"name": "", "keys": sorted(set(keys))}).encode()
    path = f"{layout.running_pins}/{os.getpid()}-{os.urandom(8).hex()}"
    descriptor: int | None = None
    with suppress(OSError):
        os.makedirs(layout.running_pins, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        hold(descriptor)
        while content:
            content = content[os.write(descriptor, content) :]
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(path)


def _file(layout: Layout, name: str) -> str:
    return f"{layout.pins}/{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _read(path: str) -> tuple[str, frozenset[str]]:
    try:
        data = json.loads(read_small(path))
        return str(data["name"]), frozenset(map(str, data["keys"]))
    except (OSError, ValueError, KeyError, TypeError):
        return "", frozenset()
