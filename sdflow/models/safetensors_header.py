"""The header of a safetensors file: names, types and shapes of its tensors, without reading them.

Format: https://huggingface.co/docs/safetensors ("Format"): eight bytes of length, little-endian, then JSON.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sdflow.models.not_weights import what_it_is

_LARGEST = 100 * 1024 * 1024  # the bound that the library itself keeps
BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
}
"""Bytes of one number of each type."""
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
"""What torch calls the types of weights."""


class BrokenHeaderError(ValueError):
    """The file is not a whole safetensors file; the message says what it is, to follow its name."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Type (as safetensors calls it: `F32`) and shape of one tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


class Readable(Protocol):
    """What a header is read from, from its first byte on."""

    def read(self, size: int, /) -> bytes:
        """So many bytes; fewer only at the end."""


def read_header(file: Path) -> Mapping[str, TensorInfo]:
    """The tensors of a safetensors file by name.

    Raises:
        BrokenHeaderError: the file is something else, or shorter or longer than its header says.
        OSError: the file cannot be read.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        text = header_text(stream, size)
    return parse_header(text, size)[0]


def header_text(stream: Readable, size: int | None) -> bytes:
    """The JSON of a header. `size` is that of the whole file, where it is known.

    Raises:
        BrokenHeaderError: the file is something else.
    """
    start = stream.read(512)
    _refuse_other_files(start)
    length = int.from_bytes(start[:8], "little")
    largest = _LARGEST if size is None else min(size - 8, _LARGEST)
    if length > largest or start[8:9] != b"{":
        raise BrokenHeaderError("is not a safetensors file, or only the beginning of one")
    return (start[8:] + stream.read(max(8 + length - len(start), 0)))[:length]


def parse_header(text: bytes, size: int | None) -> tuple[Mapping[str, TensorInfo], int]:
    """The tensors by name, and the size of the whole file as the header tells it.

    Raises:
        BrokenHeaderError: the header is not valid, or `size` is another one.
    """
    try:
        tensors, end = _parse(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenHeaderError("has a header that is not valid") from error
    whole = 8 + len(text) + end
    if size is not None and whole != size:
        what = "is cut off" if whole > size else "has bytes after its end"
        raise BrokenHeaderError(f"{what}: {size:,} bytes where its header tells of {whole:,}")
    return tensors, whole


def _parse(header: dict[str, Any]) -> tuple[dict[str, TensorInfo], int]:
    tensors: dict[str, TensorInfo] = {}
    spans: list[tuple[int, int]] = []
    for name, it in header.items():
        if name == "__metadata__":
            continue
        info = TensorInfo(str(it["dtype"]), tuple(int(side) for side in it["shape"]))
        begin, end = (int(edge) for edge in it["data_offsets"])
        known = BYTES.get(info.dtype)
        if any(side < 0 for side in info.shape) or (known and info.elements * known != end - begin):
            raise ValueError(name)
        tensors[name] = info
        spans.append((begin, end))
    at = 0
    for begin, end in sorted(spans):
        if begin != at or end < begin:
            raise ValueError("tensors overlap or leave gaps")
        at = end
    return tensors, at


def _refuse_other_files(start: bytes) -> None:
    what = what_it_is(start)
    if what:
        raise BrokenHeaderError(what)
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        raise BrokenHeaderError("is a pickled checkpoint under another name")
