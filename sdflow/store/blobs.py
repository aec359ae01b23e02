"""Blobs: encoded values by the digest of their bytes."""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from sdflow.store.errors import LostValueError
from sdflow.store.files import write_whole
from sdflow.store.layout import Layout
from sdflow.store.record import StoredOutput
from sdflow.values.encoded import Encoded


def digest_of(value: Encoded) -> str:
    """The digest that the blob of a value has."""
    return _digest(value.chunks())


def _digest(chunks: Iterable[bytes | memoryview]) -> str:
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(chunk)
    return hasher.hexdigest()


@dataclass(frozen=True, slots=True)
class Blobs:
    """The blobs of one folder. With `durable` they survive a power cut."""

    layout: Layout
    durable: bool

    def has(self, output: StoredOutput) -> bool:
        """Whether the blob is there with its size; its bytes are checked when it is read."""
        try:
            return os.stat(self.layout.blob(output.digest)).st_size == output.size
        except (OSError, ValueError):
            return False

    def save(self, value: Encoded) -> tuple[StoredOutput, int]:
        """Keep a value; also tells the bytes written, 0 when the same bytes were there already.

        Raises:
            OSError: they cannot be written.
        """
        chunks = value.chunks()
        output = StoredOutput(value.kind, _digest(chunks), sum(len(chunk) for chunk in chunks))
        path = self.layout.blob(output.digest)
        if self.has(output):
            with suppress(OSError):
                os.utime(path)  # young again, so that a gc that runs now leaves it for the record to come
                return output, 0
        write_whole(path, chunks, self.layout.temporary, durable=self.durable)
        return output, output.size

    def load(self, key: str, port: str, output: StoredOutput) -> Encoded:
        """The value of one output, checked against its digest.

        Raises:
            LostValueError: it is missing or damaged. What is damaged was removed.
        """
        try:
            path = self.layout.blob(output.digest)
            with open(path, "rb") as file:
                content = file.read()
        except (FileNotFoundError, ValueError):
            raise LostValueError(key, port, "was removed", damaged=False) from None
        except OSError as error:
            reason = f"cannot be read ({os.strerror(error.errno or 0)})"
            raise LostValueError(key, port, reason, damaged=True) from error
        if len(content) == output.size and hashlib.sha256(content).hexdigest() == output.digest:
            with suppress(ValueError):
                return Encoded.from_bytes(content)
        with suppress(OSError):
            os.unlink(path)
        raise LostValueError(key, port, "is not what was written", damaged=True)
