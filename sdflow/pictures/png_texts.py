"""Texts in PNG files: the chunks tEXt, zTXt and iTXt (PNG specification, third edition, 11.3.3)."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from sdflow.pictures.packed import MAX_TEXT_BYTES, packed, unpacked

_HEADER_END = 8 + 25  # signature, IHDR
_COMPRESSED_FROM = 1024
# Pillow refuses a picture with a compressed text longer than this, so such a text is left uncompressed.
_COMPRESSED_TO = 2**20 - 1


def with_texts(png: bytes, texts: Mapping[str, str], *, plain: frozenset[str] = frozenset()) -> bytes:
    """The PNG with texts before its pixels, long ones compressed but for the keys in `plain`."""
    chunks = [_chunk_of(key, text, compress=key not in plain) for key, text in texts.items()]
    return png[:_HEADER_END] + b"".join(chunks) + png[_HEADER_END:]


def texts_in(file: BinaryIO, *, needed: str) -> dict[str, str]:
    """All texts of a PNG by key, the first of each key; damaged ones are left out.

    Raises:
        ValueError: the text with the key `needed` is damaged.
    """
    found: dict[str, str] = {}
    for name, data, whole in _text_chunks(file):
        key = data.partition(b"\0")[0].decode("latin-1")
        try:
            found.setdefault(key, _text_of(name, data, whole=whole))
        except ValueError:
            if key == needed:
                raise
    return found


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG: length, name, data, checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chunk_of(key: str, text: str, *, compress: bool) -> bytes:
    text = text.replace("\0", "")
    try:
        raw, latin = text.encode("latin-1"), True
    except UnicodeEncodeError:
        raw, latin = text.encode("utf-8", "replace"), False
    compress = compress and _COMPRESSED_FROM <= len(raw) <= _COMPRESSED_TO
    start = key.encode("latin-1") + b"\0"
    if not latin:
        return chunk(b"iTXt", start + bytes([compress, 0, 0, 0]) + (packed(raw) if compress else raw))
    return chunk(b"zTXt", start + b"\0" + packed(raw)) if compress else chunk(b"tEXt", start + raw)


def _text_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes, bool]]:
    """Name, data and soundness of each text chunk of a PNG, as far as the file goes."""
    file.seek(8)
    budget = 2 * MAX_TEXT_BYTES
    while len(head := file.read(8)) == 8:  # noqa: PLR2004
        length, name = struct.unpack(">I4s", head)
        if name not in (b"tEXt", b"zTXt", b"iTXt") or length > budget:
            file.seek(length + 4, 1)
            continue
        budget -= length
        data, checksum = file.read(length), file.read(4)
        yield name, data, checksum == struct.pack(">I", zlib.crc32(name + data))


def _text_of(name: bytes, data: bytes, *, whole: bool) -> str:
    if not whole:
        raise ValueError("its checksum is wrong")
    _, _, rest = data.partition(b"\0")
    if name == b"tEXt":
        return rest.decode("latin-1")
    if name == b"zTXt":
        return unpacked(rest[1:]).decode("latin-1")
    compressed = rest[:1] == b"\1"
    _, _, translated = rest[2:].partition(b"\0")
    _, _, text = translated.partition(b"\0")
    return (unpacked(text) if compressed else text).decode()
