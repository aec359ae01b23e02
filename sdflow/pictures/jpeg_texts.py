"""Texts in JPEG files (ITU-T T.81, annex B): EXIF in an APP1 segment, comments for what does not fit."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from sdflow.pictures.exif import exif_with, texts_in_exif
from sdflow.pictures.packed import packed, unpacked

MOST_EXIF = 65_500
"""Bytes that one segment surely holds."""

_PIECE = 65_000
_COM, _APP1, _SOS = 0xFE, 0xE1, 0xDA
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_OWN = b"sdflow "


def exif_and_comments(parameters: str | None, record: str | None) -> tuple[bytes, list[bytes]]:
    """An EXIF block that fits into one segment, and a record too long for it in numbered comments.

    A `parameters` text of more than 32,000 characters is left out; the record says the same and more.
    """
    if parameters is not None and len(exif_with(parameters, None)) > MOST_EXIF:
        parameters = None
    together = exif_with(parameters, record)
    if record is None or len(together) <= MOST_EXIF:
        return together, []
    data = packed(record.encode())
    pieces = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
    comments = [_OWN + b"%d/%d\0" % (place, len(pieces)) + piece for place, piece in enumerate(pieces, 1)]
    return exif_with(parameters, None), comments


def with_comments(jpeg: bytes, comments: list[bytes]) -> bytes:
    """The JPEG with comments behind its APP segments."""
    place = 2
    while jpeg[place] == 0xFF and 0xE0 <= jpeg[place + 1] <= 0xEF:  # noqa: PLR2004
        place += 2 + int(struct.unpack_from(">H", jpeg, place + 2)[0])
    segments = [b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment for comment in comments]
    return jpeg[:place] + b"".join(segments) + jpeg[place:]


def texts_in(file: BinaryIO) -> dict[str, str]:
    """The texts of a JPEG, as `texts_in_exif` names them; `comment` is one of another program's.

    Raises:
        ValueError: the `sdflow` record is damaged.
    """
    found: dict[str, str] = {}
    pieces: dict[bytes, bytes] = {}
    for marker, data in _segments(file):
        if marker == _APP1 and data.startswith(b"Exif\0\0"):
            found |= texts_in_exif(data)
        elif marker == _COM and data.startswith(_OWN):
            place, _, piece = data.removeprefix(_OWN).partition(b"\0")
            pieces[place] = piece
        elif marker == _COM:
            found["comment"] = data.decode("utf-8", "replace")
    if pieces and "sdflow" not in found:
        found["sdflow"] = _joined(pieces)
    return found


def _joined(pieces: dict[bytes, bytes]) -> str:
    count = len(pieces)
    try:
        whole = b"".join(pieces[b"%d/%d" % (place, count)] for place in range(1, count + 1))
    except KeyError as error:
        raise ValueError("a part of it is missing") from error
    return unpacked(whole).decode()


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Marker and data of each segment before the pixels."""
    file.seek(2)
    while file.read(1) == b"\xff":
        while (marker := file.read(1)) == b"\xff":
            pass
        if not marker or marker[0] == _SOS:
            return
        if marker[0] in _WITHOUT_LENGTH:
            continue
        size = file.read(2)
        if len(size) < 2:  # noqa: PLR2004
            return
        yield marker[0], file.read(max(0, struct.unpack(">H", size)[0] - 2))
