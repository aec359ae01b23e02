"""Per-key locks between processes and threads. They save double work; correctness never rests on them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sdflow.store.held import Held, hold

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.1


def no_matter(_: float) -> None:
    """Wait in silence."""


@contextmanager
def key_lock(path: str, waiting: Callable[[float], None] = no_matter) -> Iterator[None]:
    """Hold the file `path`, waiting for whoever holds it now, for as long as that takes.

    `waiting` is told the seconds waited so far, at once and then up to ten times a second; it may raise to
    give up. A holder that dies, by whatever means, holds no longer. Where files cannot be held at all (no
    permission, no locks on this file system), nobody waits.
    """
    descriptor = _acquired(path, waiting)
    try:
        yield
    finally:
        if descriptor is not None:
            _release(path, descriptor)


def _acquired(path: str, waiting: Callable[[float], None]) -> int | None:
    began, pause = time.monotonic(), _FIRST_PAUSE
    while True:
        try:
            descriptor = _opened(path)
        except OSError:
            return None
        held = hold(descriptor)
        if held is Held.UNSUPPORTED:
            os.close(descriptor)
            return None
        if held is Held.OURS and _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)
        if held is Held.BUSY:
            waiting(time.monotonic() - began)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _opened(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o666)


def _is_still(path: str, descriptor: int) -> bool:
    """Whether the file held is the one under that name; the previous holder removed it on letting go."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


def _release(path: str, descriptor: int) -> None:
    if os.name != "nt":
        with suppress(OSError):
            os.unlink(path)
    os.close(descriptor)
