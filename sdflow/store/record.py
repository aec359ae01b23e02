"""The record of a key: what was computed, what came out, what it took."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from sdflow.composition import Json

_HEAD, _TAIL = b'{"sha256":"', b'"}\n'
_BODY = len(_HEAD) + 64 + len(_TAIL)


@dataclass(frozen=True, slots=True)
class StoredOutput:
    """One output: the kind of its value, sha256 (hexadecimal) and size of its blob, a summary for people."""

    kind: str
    digest: str
    size: int
    summary: Json = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """Other bytes that were once computed under the same key: digest by port, and when."""

    digests: Mapping[str, str]
    created: float


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one key.

    seconds: how long computing took. peak_bytes: device memory at its highest, None where that was not
    measured. created: Unix time. also: earlier results with other bytes, oldest first. details: what most
    readers do not ask for, as JSON text, because parsing it would be most of the work of looking a key up.
    """

    key: str
    outputs: Mapping[str, StoredOutput]
    seconds: float
    peak_bytes: int | None
    created: float
    also: tuple[Earlier, ...]
    details: bytes

    @property
    def preimage(self) -> Json:
        """What the key is the digest of."""
        return cast("dict[str, Json]", json.loads(self.details))["preimage"]

    @property
    def environment(self) -> Json:
        """Threads, hardware and versions, as whoever saved the record described them."""
        return cast("dict[str, Json]", json.loads(self.details))["environment"]

    @property
    def digests(self) -> dict[str, str]:
        """Digest by port."""
        return {port: output.digest for port, output in self.outputs.items()}

    @property
    def nbytes(self) -> int:
        """Bytes of its blobs."""
        return sum({output.digest: output.size for output in self.outputs.values()}.values())

    def to_bytes(self) -> bytes:
        """Three lines of JSON: the sha256 of the other two, the record, its details."""
        outputs = {
            port: [output.kind, output.digest, output.size, output.summary]
            for port, output in self.outputs.items()
        }
        also = [[dict(earlier.digests), earlier.created] for earlier in self.also]
        record = _json([self.key, outputs, self.seconds, self.peak_bytes, self.created, also])
        body = record + b"\n" + self.details + b"\n"
        return b"".join((_HEAD, hashlib.sha256(body).hexdigest().encode(), _TAIL, body))

    @classmethod
    def from_bytes(cls, content: bytes) -> "Record":
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is something else, or not all of it.
        """
        body = content[_BODY:]
        if content[:_BODY] != b"".join((_HEAD, hashlib.sha256(body).hexdigest().encode(), _TAIL)):
            raise ValueError("not a record")
        try:
            record, details, _ = body.split(b"\n")
            key, outputs, seconds, peak_bytes, created, also = json.loads(record)
            return cls(
                key,
                {port: StoredOutput(*output) for port, output in outputs.items()},
                seconds,
                peak_bytes,
                created,
                tuple(Earlier(digests, when) for digests, when in also),
                details,
            )
        except (TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a record: {error}") from error


def details_of(preimage: Json, environment: Json) -> bytes:
    """The `details` of a record.

    Raises:
        ValueError: NaN or infinity, which JSON does not have.
    """
    return _json({"preimage": preimage, "environment": environment})


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
