"""Files that a living process holds: the lock goes when the process goes, however it dies.

The one way in which the store knows who is alive. It needs no process numbers, which are reused, and which
mean nothing on another machine or in another container that shares the folder.
"""

import errno
import os
import sys
import time
from contextlib import suppress
from enum import Enum

ABANDONED_AFTER = 60.0
"""Seconds for which a file that nobody holds is left alone: its owner may be about to hold it."""

_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class Held(Enum):
    """Outcome of an attempt to hold a file."""

    OURS = "ours"
    BUSY = "busy"
    UNSUPPORTED = "unsupported"


if sys.platform == "win32":
    import msvcrt

    # Windows locks bytes and then denies reading them, so the byte that is locked lies beyond any content.
    _FAR = 0x7FFF_0000

    def hold(descriptor: int) -> Held:
        """Hold an open file without waiting."""
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            return Held.BUSY if error.errno in _BUSY else Held.UNSUPPORTED
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return Held.OURS

else:
    import fcntl

    def hold(descriptor: int) -> Held:
        """Hold an open file without waiting; closing it, or the end of the process, lets go."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return Held.BUSY if error.errno in _BUSY else Held.UNSUPPORTED
        return Held.OURS


def remove_abandoned(path: str, *, dry_run: bool = False) -> bool:
    """Remove a file that nobody holds and nobody touched for a minute; tell whether it was such a file.

    Where the file system has no locks, a day takes the place of the minute.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        held = hold(descriptor)
        patience = ABANDONED_AFTER if held is Held.OURS else 86_400.0
        if held is Held.BUSY or time.time() - os.fstat(descriptor).st_mtime < patience:
            return False
        if os.name != "nt" and not dry_run:
            os.unlink(path)  # while held, so that nobody can hold this very file afterwards
    except FileNotFoundError:
        return False
    finally:
        os.close(descriptor)
    if os.name == "nt" and not dry_run:
        with suppress(OSError):
            os.unlink(path)
    return True
