"""A look at everything that is in a store's folder: what gc, du and verify start from."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from sdflow.store.files import read_small
from sdflow.store.layout import Layout
from sdflow.store.record import Record


@dataclass(frozen=True, slots=True)
class BlobFile:
    """A blob as the folder shows it: size in bytes, Unix time of its last writing or sharing."""

    path: str
    size: int
    touched: float


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A record as the folder shows it: size in bytes, Unix time of its last use.

    `record` is None when it cannot be read.
    """

    path: str
    key: str
    size: int
    used: float
    record: Record | None

    @property
    def blobs(self) -> dict[str, int]:
        """Digest and size of the blobs that it refers to."""
        return {output.digest: output.size for output in self.record.outputs.values()} if self.record else {}


def blob_files(layout: Layout) -> dict[str, BlobFile]:
    """All blobs by digest."""
    found: dict[str, BlobFile] = {}
    for entry in layout.blob_files():
        status = _status(entry)
        if status is not None:
            found[entry.name] = BlobFile(entry.path, status.st_size, status.st_mtime)
    return found


def record_files(layout: Layout) -> Iterator[RecordFile]:
    """All records, also those that cannot be read."""
    for key, entry in layout.record_files():
        status = _status(entry)
        if status is None:
            continue
        record = None
        try:
            record = Record.from_bytes(read_small(entry.path))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            pass
        if record is not None and record.key != key:
            record = None
        yield RecordFile(entry.path, key, status.st_size, status.st_mtime, record)


def _status(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except OSError:
        return None
