"""The stored form of a value: a JSON skeleton and named tensors, as one safetensors file.

The format (https://huggingface.co/docs/safetensors, "Format") is a length, a JSON header and the tensors'
bytes. It is written and read here because the library's own byte-level calls have changed their signature
between releases, and because its array-level calls would import torch or numpy. A test has the library read
these files.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from sdflow.composition import Json

_WIDTHS = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "U16": 2,
    "BOOL": 1,
}
_METADATA = "__metadata__"
_CHANNELS_LAST = "channels_last"


@dataclass(frozen=True, slots=True)
class RawTensor:
    """A tensor as bytes, row-major and little-endian. `dtype` is safetensors' name, such as `F32`.

    `channels_last` is how torch had a tensor of four dimensions in memory, and has it again: the numbers are the same,
    but convolutions choose their kernels by it, and other kernels give other bits.

    Raises:
        ValueError: dtype, shape and data do not fit each other.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview
    channels_last: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in _WIDTHS or any(side < 0 for side in self.shape):
            raise ValueError(f"there is no tensor {self.dtype}{list(self.shape)}")
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
        return b"".join(self.chunks())

    def chunks(self) -> tuple[bytes | memoryview, ...]:
        """The parts of `to_bytes` in order, without a copy of the tensors.

        Raises:
            ValueError: the skeleton holds NaN or infinity, or a tensor has the name that the format reserves.
        """
        facts: dict[str, Json] = {"kind": self.kind, "skeleton": self.skeleton}
        last: list[Json] = [name for name in sorted(self.tensors) if self.tensors[name].channels_last]
        if last:
            facts[_CHANNELS_LAST] = last
        about = json.dumps(facts, sort_keys=True, allow_nan=False)
        header: dict[str, object] = {_METADATA: {"sdflow": about}}
        parts: list[bytes | memoryview] = []
        offset = 0
        # Widest elements first keeps every tensor aligned to its own element size.
        for name, tensor in sorted(self.tensors.items(), key=lambda item: (-_WIDTHS[item[1].dtype], item[0])):
            if name == _METADATA:
                raise ValueError(f"a tensor cannot be called {_METADATA}")
            end = offset + len(tensor.data)
            header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
            parts.append(tensor.data)
            offset = end
        head = json.dumps(header, separators=(",", ":")).encode()
        head += b" " * (-len(head) % 8)
        return (struct.pack("<Q", len(head)), head, *parts)

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Encoded":
        """Read what `to_bytes` wrote; the tensors are views of `blob`.

        Raises:
            ValueError: the bytes are not such a file, whatever else they are.
        """
        try:
            header, body = _split(blob)
            about = json.loads(_text(header.pop(_METADATA)["sdflow"]), parse_constant=_refuse_constant)
            kind, skeleton = about["kind"], about["skeleton"]
            return cls(
                _text(kind), skeleton, _tensors(header, body, frozenset(about.get(_CHANNELS_LAST, ())))
            )
        except (struct.error, KeyError, TypeError, AttributeError, RecursionError, ValueError) as error:
            raise ValueError(f"not a stored value: {error}") from error


def _split(blob: bytes) -> tuple[dict[str, dict[str, object]], memoryview]:
    (length,) = struct.unpack_from("<Q", blob)
    if length > len(blob) - 8:
        raise ValueError(f"a header of {length} bytes in a file of {len(blob)}")
    header = json.loads(blob[8 : 8 + length].decode(), object_pairs_hook=_unique)
    return header, memoryview(blob)[8 + length :]


def _tensors(
    header: Mapping[str, Mapping[str, object]], body: memoryview, channels_last: frozenset[str]
) -> dict[str, RawTensor]:
    """The tensors, which fill the body without gaps or overlaps."""
    tensors: dict[str, RawTensor] = {}
    filled = 0
    for name, entry in sorted(header.items(), key=lambda item: _whole_numbers(item[1]["data_offsets"])):
        begin, end = _whole_numbers(entry["data_offsets"])
        if begin != filled or not begin <= end <= len(body):
            raise ValueError(f"the bytes {begin} to {end} of {len(body)} are not those after {filled}")
        shape = _whole_numbers(entry["shape"])
        tensors[name] = RawTensor(_text(entry["dtype"]), shape, body[begin:end], name in channels_last)
        filled = end
    if filled != len(body):
        raise ValueError(f"{len(body) - filled} bytes belong to no tensor")
    return tensors


def _whole_numbers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(number) is int and number >= 0 for number in value):
        raise ValueError(f"not a list of sizes: {value!r:.40}")
    return tuple(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"not a text: {value!r:.40}")  # noqa: TRY004  # wrong bytes, not a wrong call
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a name stands twice")
    return mapping


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
