"""The stored form of a value: a JSON skeleton and named tensors, as one safetensors file.

The format (https://huggingface.co/docs/safetensors, "Format") is a length, a JSON header and the tensors' bytes.
It is written and read here because the library's own byte-level calls have changed their signature between
releases, and because its array-level calls would import torch or numpy. A test has the library read these files.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from sdflow.composition import Json

_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "U16": 2, "BOOL": 1}


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A tensor as bytes, row-major and little-endian. `dtype` is safetensors' name: `F32`, `U8`, …"""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview

    def __post_init__(self) -> None:
        if len(self.data) != math.prod(self.shape) * _WIDTHS[self.dtype]:
            raise ValueError(f"{len(self.data)} bytes do not make {self.dtype}{list(self.shape)}")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value ready to be written: its kind, what is not a tensor, and its tensors by name."""

    kind: str
    skeleton: Json
    tensors: Mapping[str, RawTensor]

    @property
    def nbytes(self) -> int:
        """Size of the tensors in bytes."""
        return sum(len(tensor.data) for tensor in self.tensors.values())

    def to_bytes(self) -> bytes:
        """One safetensors file; equal values give equal bytes."""
        about = json.dumps({"kind": self.kind, "skeleton": self.skeleton}, sort_keys=True, allow_nan=False)
        header: dict[str, object] = {"__metadata__": {"sdflow": about}}
        parts: list[bytes | memoryview] = []
        offset = 0
        # Widest elements first keeps every tensor aligned to its own element size.
        for name, tensor in sorted(self.tensors.items(), key=lambda item: (-_WIDTHS[item[1].dtype], item[0])):
            end = offset + len(tensor.data)
            header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
            parts.append(tensor.data)
            offset = end
        head = json.dumps(header, separators=(",", ":")).encode()
        head += b" " * (-len(head) % 8)
        return b"".join((struct.pack("<Q", len(head)), head, *parts))

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Encoded":
        """Read what `to_bytes` wrote; the tensors are views of `blob`.

        Raises:
            ValueError: the bytes are not such a file.
        """
        try:
            (length,) = struct.unpack_from("<Q", blob)
            header = json.loads(blob[8 : 8 + length])
            about = json.loads(header.pop("__metadata__")["sdflow"])
            body = memoryview(blob)[8 + length :]
            tensors = {
                str(name): RawTensor(str(it["dtype"]), tuple(it["shape"]), body[slice(*it["data_offsets"])])
                for name, it in header.items()
            }
            return cls(str(about["kind"]), about["skeleton"], tensors)
        except (struct.error, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a stored value: {error}") from error
