"""The store: results by content, shared by any number of processes."""

import heapq
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sdflow.composition import Json
from sdflow.store.blobs import Blobs
from sdflow.store.collect import GRACE, Collected, collect
from sdflow.store.errors import LostValueError, StoreError
from sdflow.store.files import read_small, write_whole
from sdflow.store.layout import Layout
from sdflow.store.limit import trim
from sdflow.store.locks import key_lock, no_matter
from sdflow.store.pins import named_pins, pin, running_pin, unpin
from sdflow.store.record import Earlier, Record, StoredOutput, details_of
from sdflow.store.usage import Usage, usage
from sdflow.store.verify import Verified, verify
from sdflow.values.encoded import Encoded

_TOUCH_EVERY = 60.0
_MOST_EARLIER = 16


class Store:
    """Records by key and blobs by digest below one folder.

    Blobs are written first and the record last, each whole or not at all, so that a record that is found
    has its values, whatever was killed when. Every value is checked against its digest when it is loaded.
    Nothing is written before the first `save`: looking keys up leaves no trace.
    """

    def __init__(self, root: Path, *, limit_bytes: int | None, durable: bool = True) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        self.layout = Layout(root)
        self._blobs = Blobs(self.layout, durable)
        self._written = 0

    @classmethod
    def open(cls, root: Path, *, limit_bytes: int | None) -> "Store":
        """The store in a folder, which is made when something is saved. `limit_bytes` None means no limit.

        Raises:
            StoreError: a file stands where the folder should be.
        """
        if root.exists() and not root.is_dir():
            raise StoreError.of(NotADirectoryError(20, "not a folder"), root)
        return cls(root, limit_bytes=limit_bytes)

    @classmethod
    @contextmanager
    def temporary(cls) -> "Iterator[Store]":
        """A store that is gone afterwards, for `--no-cache`."""
        import tempfile

        with tempfile.TemporaryDirectory(prefix="sdflow-", ignore_cleanup_errors=True) as folder:
            yield cls(Path(folder), limit_bytes=None, durable=False)

    def prepare(self) -> None:
        """Make sure that the store can be written, before hours are spent on what it should keep.

        Raises:
            StoreError: it cannot.
        """
        try:
            tag = b"Signature: 8a477f597d28d172789f06886806bc55\n# Results that sdflow can compute again.\n"
            write_whole(f"{self.root}/CACHEDIR.TAG", [tag], self.layout.temporary, durable=False)
        except OSError as error:
            raise StoreError.of(error, self.root) from error

    # Reading

    def peek(self, key: str) -> Record | None:
        """The record of a key, even where its values are gone: for reasons and estimates."""
        try:
            record = Record.from_bytes(read_small(self.layout.record(key)))
        except (OSError, ValueError):
            return None
        return record if record.key == key else None

    def find(self, key: str) -> Record | None:
        """The record of a key whose values can be loaded: they are there, with the right sizes."""
        record = self.peek(key)
        return record if record is not None and all(map(self._blobs.has, record.outputs.values())) else None

    def find_many(self, keys: Iterable[str]) -> dict[str, Record]:
        """`find` for many keys, without those that are missing."""
        found = ((key, self.find(key)) for key in dict.fromkeys(keys))
        return {key: record for key, record in found if record is not None}

    def load(self, record: Record | str, ports: Collection[str] | None = None) -> dict[str, Encoded]:
        """The values of a record (of some of its ports), each checked against its digest.

        Raises:
            LostValueError: one is missing or damaged. What is damaged was removed, so that `find` knows.
        """
        if isinstance(record, str):
            found = self.peek(record)
            if found is None:
                raise LostValueError(record, "*", "has no record", damaged=False)
            record = found
        values = {
            port: self._blobs.load(record.key, port, output)
            for port, output in record.outputs.items()
            if ports is None or port in ports
        }
        self.touch((record.key,))
        return values

    def touch(self, keys: Iterable[str]) -> None:
        """Note that keys are in use, so that others are evicted before them."""
        now = time.time()
        for key in keys:
            path = self.layout.record(key)
            with suppress(OSError):
                if now - os.stat(path).st_mtime > _TOUCH_EVERY:
                    os.utime(path)

    def records(self) -> Iterator[Record]:
        """Every record, in the order of the keys."""
        for key, _ in self.layout.record_files():
            record = self.peek(key)
            if record is not None:
                yield record

    def latest(self, most: int) -> Iterator[Record]:
        """The records that were used last, the latest first, so many at most.

        Reading all of a large store takes its time.
        """
        used: list[tuple[float, str]] = []
        for key, entry in self.layout.record_files():
            with suppress(OSError):
                used.append((entry.stat().st_mtime, key))
        for _, key in heapq.nlargest(most, used):
            record = self.peek(key)
            if record is not None:
                yield record

    # Writing

    def save(
        self,
        key: str,
        preimage: Json,
        outputs: Mapping[str, Encoded],
        *,
        seconds: float,
        peak_bytes: int | None = None,
        environment: Json = None,
        summaries: Mapping[str, Json] | None = None,
        others: Sequence[Mapping[str, str]] = (),
    ) -> Record:
        """Keep the values of a key. Other values that it had before are replaced, but noted in `also`.

        `others` are digests by port of other results that were just computed for it, which are noted, too.

        Raises:
            StoreError: they cannot be kept; then nothing of them can be found.
        """
        summaries = summaries or {}
        stored: dict[str, StoredOutput] = {}
        try:
            for port, value in outputs.items():
                output, written = self._blobs.save(value)
                self._written += written
                stored[port] = replace(output, summary=summaries.get(port))
            also = self._also(key, {port: output.digest for port, output in stored.items()}, others)
            details = details_of(preimage, environment)
            record = Record(key, stored, seconds, peak_bytes, time.time(), also, details)
            content, path = record.to_bytes(), self.layout.record(key)
            write_whole(path, [content], self.layout.temporary, durable=self._blobs.durable)
            for port, output in stored.items():
                # A gc that looked before the record was there may have taken a blob that was shared.
                if not self._blobs.has(output):
                    self._blobs.save(outputs[port])
            self._written += len(content)
            if self.limit_bytes is not None and self._written > self.limit_bytes // 20:
                self.trim()
        except OSError as error:
            raise StoreError.of(error, self.root) from error
        return record

    def delete(self, key: str) -> bool:
        """Forget a key; False when it was not known. Blobs that it alone used go with the next gc."""
        try:
            os.unlink(self.layout.record(key))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError.of(error, self.root) from error
        return True

    def _also(
        self, key: str, digests: Mapping[str, str], others: Sequence[Mapping[str, str]]
    ) -> tuple[Earlier, ...]:
        """All other results that the key has had, each once, at the time when it was first seen."""
        before = self.peek(key)
        earlier = (*before.also, Earlier(before.digests, before.created)) if before is not None else ()
        found = (*earlier, *(Earlier(other, time.time()) for other in others))
        different: dict[tuple[tuple[str, str], ...], Earlier] = {}
        for it in found:
            if it.digests != digests:
                different.setdefault(tuple(sorted(it.digests.items())), it)
        return tuple(different.values())[-_MOST_EARLIER:]

    # Keeping and removing

    def lock(self, key: str, waiting: Callable[[float], None] = no_matter) -> AbstractContextManager[None]:
        """Compute a key alone; look it up again inside, because somebody may just have finished it."""
        return key_lock(self.layout.lock(key), waiting)

    def pin(self, name: str, keys: Iterable[str]) -> None:
        """Keep keys under a name, whatever the limit."""
        try:
            pin(self.layout, name, keys)
        except OSError as error:
            raise StoreError.of(error, self.root) from error

    def unpin(self, name: str) -> bool:
        """Let go what a name kept; False when there was no such name."""
        return unpin(self.layout, name)

    def pins(self) -> Mapping[str, frozenset[str]]:
        """Names and the keys they keep."""
        return named_pins(self.layout)

    def running(self, keys: Iterable[str]) -> AbstractContextManager[None]:
        """Keep the keys of a plan while it runs; a process that dies keeps nothing."""
        return running_pin(self.layout, keys)

    def trim(self) -> Collected | None:
        """Make room if the store has outgrown its limit; cheap when it has not. For the end of every run."""
        written, self._written = self._written, 0
        return None if self.limit_bytes is None else trim(self.layout, self.limit_bytes, written)

    def collect(
        self,
        limit_bytes: int | None = None,
        *,
        older_than: float | None = None,
        dry_run: bool = False,
        grace: float = GRACE,
    ) -> Collected:
        """Remove what is not needed; see `sdflow.store.collect.collect`."""
        return collect(self.layout, limit_bytes, older_than=older_than, dry_run=dry_run, grace=grace)

    def usage(self) -> Usage:
        """What the store holds."""
        return usage(self.layout)

    def verify(self, progress: Callable[[int, int], None] | None = None) -> Verified:
        """Read everything; see `sdflow.store.verify.verify`."""
        return verify(self.layout, progress)
