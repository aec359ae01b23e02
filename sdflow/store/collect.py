"""Removing what is not needed: records not used for longest, blobs without records, what the dead left.

Several processes may collect, save and load at once, without locks. A blob is only removed when it is not
young: a process that is about to write a record for an existing blob touches the blob first. What still
goes wrong between looking and removing is a lost blob, which is a miss for whoever wants it.
"""

import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from sdflow.store.census import RecordFile, blob_files, record_files
from sdflow.store.held import remove_abandoned
from sdflow.store.layout import Layout, listed
from sdflow.store.pins import pinned_keys

GRACE = 600.0
"""Seconds for which a blob just written or shared, and a record just used, are left alone."""

_FORGET_AFTER = 180 * 86_400.0


@dataclass(slots=True)
class Collected:
    """What was removed (or would be), and what is left, in counts and bytes of records and blobs."""

    records: int = 0
    blobs: int = 0
    leftovers: int = 0
    freed_bytes: int = 0
    left_records: int = 0
    left_bytes: int = 0
    pinned: int = 0
    over_limit: bool = False


def collect(
    layout: Layout,
    limit_bytes: int | None = None,
    *,
    older_than: float | None = None,
    dry_run: bool = False,
    grace: float = GRACE,
) -> Collected:
    """Remove unreadable records, orphaned blobs and leftovers, then records by least recent use.

    Records not used for `older_than` seconds go, then more until at most `limit_bytes` are left. Pinned ones
    stay, also where the limit cannot be met then (`over_limit`).
    """
    work = _Collection(layout, dry_run=dry_run, grace=grace)
    work.remove_leftovers()
    work.remove_useless()
    now = time.time()
    for entry in sorted(work.entries.values(), key=lambda entry: (entry.used, entry.key)):
        too_old = older_than is not None and now - entry.used > older_than
        too_much = limit_bytes is not None and work.left_bytes > limit_bytes
        if (too_old or too_much) and work.may_go(entry):
            work.remove_record(entry)
    done = work.done
    done.left_records, done.left_bytes = len(work.entries), work.left_bytes
    done.pinned = len(work.pinned & work.entries.keys())
    done.over_limit = limit_bytes is not None and work.left_bytes > limit_bytes
    return done


class _Collection:
    """The state of one collection: what is there, who refers to it, what was removed so far."""

    def __init__(self, layout: Layout, *, dry_run: bool, grace: float) -> None:
        self.layout = layout
        self.dry_run = dry_run
        self.settled = time.time() - grace
        self.done = Collected()
        # Blobs before records: whatever is saved meanwhile is then a record with a blob that we do not know,
        # never a blob without its record.
        self.blobs = blob_files(layout)
        self.entries = {entry.key: entry for entry in record_files(layout)}
        self.pinned = pinned_keys(layout)
        self.references = Counter(digest for entry in self.entries.values() for digest in entry.blobs)
        self.left_bytes = sum(blob.size for blob in self.blobs.values())
        self.left_bytes += sum(entry.size for entry in self.entries.values())

    def may_go(self, entry: RecordFile) -> bool:
        return entry.key not in self.pinned and entry.used <= self.settled

    def remove_leftovers(self) -> None:
        """Files that dead processes wrote or held, and digests of input files noted half a year ago."""
        for folder in (self.layout.temporary, self.layout.locks, self.layout.running_pins):
            for file in listed(folder):
                self.done.leftovers += remove_abandoned(file.path, dry_run=self.dry_run)
        for file in self.layout.file_digest_files():
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > _FORGET_AFTER:
                    self.done.leftovers += 1
                    self._unlink(file.path)

    def remove_useless(self) -> None:
        """Records that cannot be read or have lost a value, and blobs without a record."""
        for entry in list(self.entries.values()):
            lost = entry.record is None or any(digest not in self.blobs for digest in entry.blobs)
            if lost and entry.used <= self.settled:
                self.remove_record(entry)
        for digest in list(self.blobs):
            if not self.references[digest]:
                self._remove_blob(digest)

    def remove_record(self, entry: RecordFile) -> None:
        """The record first, so that nobody finds it without its blobs; then those that it alone refers to."""
        self._unlink(entry.path)
        del self.entries[entry.key]
        self.done.records += 1
        self._count_freed(entry.size)
        for digest in entry.blobs:
            self.references[digest] -= 1
            if not self.references[digest]:
                self._remove_blob(digest)

    def _remove_blob(self, digest: str) -> None:
        blob = self.blobs.get(digest)
        if blob is None:
            return
        with suppress(OSError):
            # Not as seen before: it may have been shared since.
            if os.stat(blob.path).st_mtime > self.settled:
                return
            self._unlink(blob.path)
        del self.blobs[digest]
        self.done.blobs += 1
        self._count_freed(blob.size)

    def _count_freed(self, nbytes: int) -> None:
        self.done.freed_bytes += nbytes
        self.left_bytes -= nbytes

    def _unlink(self, path: str) -> None:
        if not self.dry_run:
            with suppress(OSError):
                os.unlink(path)
