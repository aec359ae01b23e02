"""Writing a file so that others see all of it or nothing, and reading small ones fast."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress

from sdflow.store.held import hold

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_SMALL = 65_536


def write_whole(path: str, chunks: Iterable[bytes | memoryview], temporary: str, *, durable: bool) -> None:
    """Write a file through a temporary one in the folder `temporary` of the same file system.

    With `durable` the content is on the disk before the name is, so that after a power cut the name is
    there with all of the content or not at all. The folder itself is not flushed: the last seconds' files
    may be missing then, which costs computing them again, while flushing would double the price of every
    write.

    Raises:
        OSError: as the file system answered; the temporary file is gone then.
    """
    name = f"{temporary}/{os.getpid()}-{os.urandom(8).hex()}"
    descriptor = _created(name)
    try:
        try:
            hold(descriptor)
            _write_all(descriptor, chunks)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def read_small(path: str) -> bytes:
    """The content of a small file, with as few system calls as can be.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    descriptor = os.open(path, _READ)
    try:
        content = os.read(descriptor, _SMALL)
        if len(content) < _SMALL:
            return content
        parts = [content]
        while part := os.read(descriptor, _SMALL):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _created(name: str) -> int:
    try:
        return os.open(name, _CREATE, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(name), exist_ok=True)
        return os.open(name, _CREATE, 0o666)


def _write_all(descriptor: int, chunks: Iterable[bytes | memoryview]) -> None:
    for chunk in chunks:
        left = memoryview(chunk).cast("B") if len(chunk) else memoryview(b"")
        while len(left):
            left = left[os.write(descriptor, left) :]


def _replace(source: str, target: str) -> None:
    try:
        os.replace(source, target)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(source, target)
    except PermissionError:
        if os.name != "nt":
            raise
        _replace_on_windows(source, target)


def _replace_on_windows(source: str, target: str) -> None:
    # Windows refuses while another process has the target open, which readers do for a moment.
    for pause in (0.01, 0.03, 0.1, 0.3):
        time.sleep(pause)
        with suppress(PermissionError):
            os.replace(source, target)
            return
    os.replace(source, target)
