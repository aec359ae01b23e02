"""Read everything that is stored and compare it with its digest, for `sdflow cache verify`."""

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sdflow.store.census import blob_files, record_files
from sdflow.store.layout import Layout


@dataclass(frozen=True, slots=True)
class Verified:
    """Outcome of a verification.

    damaged: blobs that were not what their name says, with the keys that lost a value; they were removed.
    missing: keys of records without all of their blobs (those of damaged ones not included). unreadable:
    keys of records that are not records. orphaned: blobs that no record refers to, which gc removes.
    """

    records: int
    blobs: int
    nbytes: int
    damaged: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]
    orphaned: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Nothing is damaged. A missing or orphaned blob is no damage: evictions leave them."""
        return not self.damaged and not self.unreadable


def verify(layout: Layout, progress: Callable[[int, int], None] | None = None) -> Verified:
    """Read every blob and record; remove damaged blobs. `progress` is told bytes read and bytes in all."""
    blobs = blob_files(layout)
    total, done = sum(blob.size for blob in blobs.values()), 0
    damaged: list[str] = []
    for digest, blob in blobs.items():
        if not _is_sound(blob.path, digest):
            damaged.append(digest)
            with suppress(OSError):
                os.unlink(blob.path)
        done += blob.size
        if progress is not None:
            progress(done, total)
    users: dict[str, list[str]] = {digest: [] for digest in damaged}
    wanted: set[str] = set()
    missing: list[str] = []
    unreadable: list[str] = []
    count = 0
    for entry in record_files(layout):
        count += 1
        wanted.update(entry.blobs)
        if entry.record is None:
            unreadable.append(entry.key)
        for digest in entry.blobs:
            if digest in users:
                users[digest].append(entry.key)
        if any(digest not in blobs and not os.path.exists(layout.blob(digest)) for digest in entry.blobs):
            missing.append(entry.key)
    return Verified(
        count,
        len(blobs),
        total,
        {digest: tuple(keys) for digest, keys in users.items()},
        tuple(missing),
        tuple(unreadable),
        tuple(digest for digest in blobs if digest not in wanted and digest not in users),
    )


def _is_sound(path: str, digest: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except FileNotFoundError:
        return True  # removed by somebody else meanwhile
    except OSError:
        return False
