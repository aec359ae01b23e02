"""Results during a run: values in memory in front of the store, read and written as values."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import cast

from sdflow.composition import Json
from sdflow.store import LostValueError, MemoryTier, Record, Store
from sdflow.values import Encoded, StoredValue, decode


class Results:
    """The store with a memory tier in front, in terms of values.

    A value that is just being written is served from memory, so that nobody waits for the disk.
    """

    def __init__(self, store: Store, tier: MemoryTier) -> None:
        self.store = store
        self._tier = tier
        self._writing: dict[tuple[str, str], StoredValue] = {}
        self._lock = Lock()

    def find(self, key: str) -> Record | None:
        """The record of a key, when all of its blobs are there."""
        return self.store.find(key)

    def value(self, key: str, port: str) -> StoredValue:
        """A value, verified against its digest when it comes from disk.

        Raises:
            LostValueError: it is not there, or not what it was.
        """
        with self._lock:
            writing = self._writing.get((key, port))
        if writing is not None:
            return writing
        held = self._tier.get((key, port))
        if held is not None:
            return cast("StoredValue", held)
        record = self.store.find(key)
        if record is None or port not in record.outputs:
            raise LostValueError(key, port, "is not kept any more", damaged=False)
        try:
            value = decode(self.store.load(record, (port,))[port])
        except ValueError as error:
            self.store.delete(key)
            raise LostValueError(key, port, str(error), damaged=True) from error
        self._tier.put((key, port), value, value.nbytes)
        return value

    def forget(self, key: str, port: str) -> None:
        """Delete the only value of a key, which nobody needs any more."""
        self.store.delete(key)
        self._tier.drop((key, port))

    def begin(self, key: str, values: Mapping[str, StoredValue]) -> None:
        """Announce values that are about to be written."""
        with self._lock:
            self._writing.update({(key, port): value for port, value in values.items()})

    def save(
        self,
        key: str,
        preimage: Mapping[str, Json],
        values: Mapping[str, StoredValue],
        *,
        seconds: float,
        peak_bytes: int | None,
        environment: Mapping[str, Json],
        others: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Write values that were announced; they stay in the memory tier as long as it has room.

        `others` are digests of other results that the key was just seen to have.
        """
        try:
            encoded: dict[str, Encoded] = {port: value.encode() for port, value in values.items()}
            summaries: dict[str, Json] = {port: summary(value) for port, value in values.items()}
            self.store.save(
                key,
                dict(preimage),
                encoded,
                seconds=seconds,
                peak_bytes=peak_bytes,
                environment=dict(environment),
                summaries=summaries,
                others=others,
            )
        finally:
            with self._lock:
                for port, value in values.items():
                    self._tier.put((key, port), value, value.nbytes)
                    self._writing.pop((key, port), None)


def summary(value: StoredValue) -> str:
    """A few words for people: `768×512`, `clean latent 1×4×64×96`."""
    spec = getattr(value, "spec", None)
    return str(spec()) if spec is not None else type(value).__name__.lower()
