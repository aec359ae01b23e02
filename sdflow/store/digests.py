"""Digests of input files and weights, remembered: a checkpoint of 4 GB is read once, not once per plan."""

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sdflow.store.files import read_small, write_whole
from sdflow.store.layout import Layout

SETTLED_AFTER = 2.0
"""Seconds after a change in which another could leave the same times behind (FAT counts in steps of 2 s)."""

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class DigestMemo:
    """sha256 of files, known by path, size, times and file number; any change of one of them is a new file.

    One small file per path, replaced as a whole, so that processes never see half of one. The memo is an
    optimisation only: in a folder that cannot be written, files are read every time.
    """

    layout: Layout

    def digest_of(self, path: str | Path) -> str:
        """`sha256:…` of a file's content.

        Raises:
            OSError: the file cannot be read.
        """
        real = os.path.realpath(path)
        found = _identity(os.stat(real))
        note = self.layout.file_digest(hashlib.sha256(os.fsencode(real)).hexdigest())
        remembered = _remembered(note, real, found)
        return remembered if remembered is not None else self._read(real, note)

    def _read(self, real: str, note: str) -> str:
        digest, settled = "", False
        for _ in range(_ATTEMPTS):
            with open(real, "rb") as file:
                status = os.fstat(file.fileno())
                identity = _identity(status)
                settled = time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_AFTER
                digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            if _identity(os.stat(real)) == identity:
                break
        else:
            settled = False  # it changes faster than it can be read: this is what was read, once
        if settled:
            text = json.dumps({"path": real, "identity": identity, "digest": digest})
            with suppress(OSError):
                write_whole(note, [text.encode()], self.layout.temporary, durable=False)
        return digest


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def _remembered(note: str, real: str, identity: tuple[int, ...]) -> str | None:
    try:
        data = json.loads(read_small(note))
        known = data["path"] == real and tuple(data["identity"]) == identity
        digest = str(data["digest"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return digest if known and len(digest) == len("sha256:") + 64 else None
