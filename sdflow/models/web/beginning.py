"""The beginning of a file on the web: its size and, of a safetensors file, its header. Remembered."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.models.notes import write_note
from sdflow.models.safetensors_header import BrokenHeaderError, header_text, parse_header
from sdflow.models.web.answers import ConnectionLostError, opened, unreachable
from sdflow.models.web.place import WebPlace

if TYPE_CHECKING:
    import httpx2

_FIRST = 2**20
"""Bytes to ask for: enough for the headers of most checkpoints."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a server told about a file.

    `size` None where only the whole download tells it. `header` is the JSON of a safetensors header; empty where
    there is none, and then `broken` says what the file looks like. `name` is what the server calls the file.
    """

    size: int | None
    header: str
    broken: str
    name: str


def beginning_of(
    place: WebPlace, url: str, digest: str, headers: Mapping[str, str] | None = None
) -> Beginning:
    """The size and header of the file that has a digest, as the server at `url` tells them; asked once.

    Raises:
        Refused: offline, or the server refuses.
    """
    note = _note(place, url, digest)
    known = _recall(note)
    if known is None:
        known = _ask(place, url, headers or {})
        write_note(note, json.dumps(asdict(known)))
    return known


def forget_beginning(place: WebPlace, url: str, digest: str) -> None:
    """Forget what a server told: the file there turned out to be another one."""
    _note(place, url, digest).unlink(missing_ok=True)


def _ask(place: WebPlace, url: str, headers: Mapping[str, str]) -> Beginning:
    ranged = {**headers, "Range": f"bytes=0-{_FIRST - 1}"}
    try:
        with opened(place, url, ranged, also={416}) as response:  # an empty file has no first byte
            stream = _Stream(response.iter_raw(2**16))
            size = whole_size(response)
            name = told_name(response)
            try:
                text = header_text(stream, size)
            except BrokenHeaderError as error:
                return Beginning(size, "", str(error), name)
        length = int.from_bytes(stream.first, "little")
        if len(text) < length and size != 8 + len(text):
            text = _whole_header(place, url, headers, length)
        return _checked(text, size, name)
    except ConnectionLostError as error:
        raise unreachable(url, str(error)) from error


def _checked(text: bytes, size: int | None, name: str) -> Beginning:
    try:
        whole = parse_header(text, size)[1]
    except BrokenHeaderError as error:
        return Beginning(size, "", str(error), name)
    return Beginning(whole, text.decode(), "", name)


def _whole_header(place: WebPlace, url: str, headers: Mapping[str, str], length: int) -> bytes:
    """A header that did not fit into what was asked for at first."""
    with opened(place, url, {**headers, "Range": f"bytes=8-{8 + length - 1}"}) as response:
        stream = _Stream(response.iter_raw(2**16))
        if response.status_code != 206:  # noqa: PLR2004  # it has changed its mind about ranges
            stream.read(8)
        return stream.read(length)


class _Stream:
    """A body, read piece by piece; what is not read is not asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self.first = b""

    def read(self, size: int, /) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        whole = b"".join(parts)
        self._rest = whole[size:]
        self.first = self.first or whole[:8]
        return whole[:size]


def whole_size(response: "httpx2.Response") -> int | None:
    """Bytes of the whole file, where the server tells."""
    if response.status_code in {206, 416}:
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        total = response.headers.get("Content-Length", "")
    return int(total) if total.isdigit() else None


def told_name(response: "httpx2.Response") -> str:
    """What the server calls the file; empty when it does not tell."""
    found = re.search(r'filename="?([^";]+)"?', response.headers.get("Content-Disposition", ""))
    return found[1].strip() if found else ""


def _note(place: WebPlace, url: str, digest: str) -> Path:
    return place.notes / f"{hashlib.sha256(f'{digest} {url}'.encode()).hexdigest()}.json"


def _recall(note: Path) -> Beginning | None:
    try:
        stored = json.loads(note.read_text(encoding="utf-8"))
        size = stored["size"]
        return Beginning(
            None if size is None else int(size),
            str(stored["header"]),
            str(stored["broken"]),
            str(stored["name"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
