"""The names of everything in a store's folder.

    v1/records/ab/KEY.jsonl     what is known of one key
    v1/blobs/cd/DIGEST          one encoded value, named by its sha256
    v1/pins/…, v1/locks/…       keys that gc keeps, keys that somebody computes
    v1/runs/…, v1/digests/…     last key of each node of a recipe, digests of input files
    v1/temporary/…              files being written

Another layout is another folder beside `v1`, so that two versions of sdflow can share a cache.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "v1"
_RECORD = ".jsonl"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one root. They are strings, because planning makes ten thousands of them."""

    root: Path
    base: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", f"{self.root}/{VERSION}")

    @property
    def temporary(self) -> str:
        """Folder of the files being written; on the same file system as their targets."""
        return f"{self.base}/temporary"

    @property
    def pins(self) -> str:
        """Folder of the pins: named ones here, those of running processes in `running` below."""
        return f"{self.base}/pins"

    @property
    def running_pins(self) -> str:
        """Folder of the pins that die with their process."""
        return f"{self.base}/pins/running"

    @property
    def locks(self) -> str:
        """Folder of the per-key locks."""
        return f"{self.base}/locks"

    @property
    def size(self) -> str:
        """File with the estimated size of the store."""
        return f"{self.base}/size.json"

    def record(self, key: str) -> str:
        """File of a record.

        Raises:
            ValueError: `key` could not be part of a file name.
        """
        return f"{self.base}/records/{key[:2]}/{_plain(key)}{_RECORD}"

    def blob(self, digest: str) -> str:
        """File of a blob."""
        return f"{self.base}/blobs/{digest[:2]}/{_plain(digest)}"

    def lock(self, key: str) -> str:
        """File that whoever computes `key` holds."""
        return f"{self.locks}/{_plain(key)}"

    def run_index(self, digest: str) -> str:
        """File of the last keys of one recipe; `digest` is its identity's."""
        return f"{self.base}/runs/{digest[:2]}/{_plain(digest)}.json"

    def file_digest(self, digest: str) -> str:
        """File that remembers the digest of one input file; `digest` is its path's."""
        return f"{self.base}/digests/{digest[:2]}/{_plain(digest)}.json"

    def record_files(self) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        """All keys with their record files, in the order of the keys."""
        for entry in _sharded(f"{self.base}/records"):
            if entry.name.endswith(_RECORD):
                yield entry.name.removesuffix(_RECORD), entry

    def blob_files(self) -> Iterator["os.DirEntry[str]"]:
        """All blob files, shard by shard."""
        return _sharded(f"{self.base}/blobs")

    def file_digest_files(self) -> Iterator["os.DirEntry[str]"]:
        """All remembered digests of input files."""
        return _sharded(f"{self.base}/digests")


def listed(folder: str) -> "list[os.DirEntry[str]]":
    """What lies in a folder, by name; nothing when there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sharded(folder: str) -> "Iterator[os.DirEntry[str]]":
    for shard in listed(folder):
        yield from listed(shard.path)


def _plain(name: str) -> str:
    if not (name.isalnum() and name.isascii()):
        raise ValueError(f"not a key or digest: {name!r}")
    return name
