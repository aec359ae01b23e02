"""The few EXIF tags that carry texts (Exif 2.32, TIFF 6.0), written and read without a library.

`parameters` is the UserComment, in big-endian UTF-16, as AUTOMATIC1111's program writes and reads it. The
`sdflow` record is the MakerNote, which is a maker's to fill and which programs copy as it is.
"""

import struct

from sdflow.pictures.packed import packed, unpacked

_MAKE, _MODEL, _DESCRIPTION, _SOFTWARE, _EXIF_IFD = 0x010F, 0x0110, 0x010E, 0x0131, 0x8769
_MAKER_NOTE, _USER_COMMENT = 0x927C, 0x9286
_ASCII, _LONG, _UNDEFINED = 2, 4, 7
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_NAMES = {_MAKE: "Make", _MODEL: "Model", _DESCRIPTION: "ImageDescription", _SOFTWARE: "Software"}
_OWN = b"sdflow\0"
_MOST_ENTRIES = 1000


def exif_with(parameters: str | None, record: str | None) -> bytes:
    """A big-endian EXIF block, from `Exif` on, with either text, both or none."""
    tags: list[tuple[int, bytes]] = []
    if record is not None:
        tags.append((_MAKER_NOTE, _OWN + packed(record.encode())))
    if parameters is not None:
        tags.append((_USER_COMMENT, b"UNICODE\0" + parameters.encode("utf-16-be", "replace")))
    start = 8 + _directory_size(2)
    software = (_SOFTWARE, _ASCII, b"sdflow\0")
    # The pointer has four bytes wherever it points, so that the first directory can be measured before.
    first = _directory([software, (_EXIF_IFD, _LONG, b"\0\0\0\0")], start)
    pointer = struct.pack(">I", 8 + len(first))
    first = _directory([software, (_EXIF_IFD, _LONG, pointer)], start)
    values_at = 8 + len(first) + _directory_size(len(tags))
    second = _directory([(tag, _UNDEFINED, data) for tag, data in tags], values_at)
    return b"Exif\0\0" + b"MM\0*\0\0\0\x08" + first + second


def texts_in_exif(block: bytes) -> dict[str, str]:
    """The texts of an EXIF block: `parameters`, `sdflow`, `Make`, `Model`, `ImageDescription`, `Software`.

    Raises:
        ValueError: the `sdflow` record is damaged. Anything else that is damaged is left out.
    """
    tiff = block.removeprefix(b"Exif\0\0")
    order = ">" if tiff[:2] == b"MM" else "<"
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        entries = _entries(tiff, order, start)
        if _EXIF_IFD in entries:
            (start,) = struct.unpack_from(order + "I", entries[_EXIF_IFD])
            entries |= _entries(tiff, order, start)
    except struct.error:
        return {}
    found = {name: _plain(entries[tag]) for tag, name in _NAMES.items() if tag in entries}
    if _USER_COMMENT in entries:
        found["parameters"] = _comment(entries[_USER_COMMENT])
    if entries.get(_MAKER_NOTE, b"").startswith(_OWN):
        found["sdflow"] = unpacked(entries[_MAKER_NOTE].removeprefix(_OWN)).decode()
    return found


def _directory_size(entries: int) -> int:
    return 2 + 12 * entries + 4


def _directory(tags: list[tuple[int, int, bytes]], values_at: int) -> bytes:
    """One image file directory, and behind it the values that are longer than four bytes."""
    entries, values = struct.pack(">H", len(tags)), b""
    for tag, kind, data in tags:
        count = len(data) // _WIDTHS[kind]
        entries += struct.pack(">HHI", tag, kind, count)
        if len(data) <= 4:  # noqa: PLR2004
            entries += data.ljust(4, b"\0")
            continue
        entries += struct.pack(">I", values_at + len(values))
        values += data + b"\0" * (len(data) % 2)
    return entries + b"\0\0\0\0" + values


def _entries(tiff: bytes, order: str, start: int) -> dict[int, bytes]:
    """The values of one directory by tag."""
    (count,) = struct.unpack_from(order + "H", tiff, start)
    found: dict[int, bytes] = {}
    for number in range(min(count, _MOST_ENTRIES)):
        place = start + 2 + 12 * number
        tag, kind, length = struct.unpack_from(order + "HHI", tiff, place)
        size = length * _WIDTHS.get(kind, 1)
        (offset,) = (place + 8,) if size <= 4 else struct.unpack_from(order + "I", tiff, place + 8)  # noqa: PLR2004
        found[tag] = tiff[offset : offset + size]
    return found


def _plain(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "replace")


def _comment(data: bytes) -> str:
    """A UserComment, whose first eight bytes name its encoding; some programs write UTF-16 little-endian."""
    code, text = data[:8], data[8:]
    if code.startswith(b"UNICODE"):
        swapped = text[1:2] == b"\0" and text[:1] != b"\0"
        return text.decode("utf-16-le" if swapped else "utf-16-be", "replace")
    return _plain(text)
