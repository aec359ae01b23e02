"""A stand-in for a large file on the web: its size, its beginning and its end, and a hole between them.

PyTorch's checkpoints tell what they hold there: a zip archive in its directory at the end and its first member, an
older file in its first bytes. The hole takes no space on most file systems.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sdflow.models.refused import Refused
from sdflow.models.web.answers import ConnectionLostError, opened, shown, unreachable
from sdflow.models.web.place import WebPlace

_HEAD = 4 * 2**20
_TAIL = 2**20
"""Bytes at either end: far more than the names of 2,000 tensors and the directory of their archive take."""


def outline_of(
    place: WebPlace, url: str, digest: str, size: int, headers: Mapping[str, str] | None = None
) -> Path:
    """The stand-in for the file with a digest and a size, made once.

    Raises:
        Refused: offline, the server refuses, or it sends files only from their beginning.
        OSError: the disk refuses.
    """
    number = hashlib.sha256(f"{digest} {url}".encode()).hexdigest()
    kept = place.notes / "outlines" / number
    if kept.is_file() and kept.stat().st_size == size:
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=kept.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for begin, end in ((0, min(_HEAD, size)), (max(size - _TAIL, 0), size)):
                file.seek(begin)
                file.write(_span(place, url, begin, end, headers or {}))
            file.truncate(size)
        Path(temporary).replace(kept)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return kept


def _span(place: WebPlace, url: str, begin: int, end: int, headers: Mapping[str, str]) -> bytes:
    try:
        with opened(place, url, {**headers, "Range": f"bytes={begin}-{end - 1}"}) as response:
            if response.status_code != 206:  # noqa: PLR2004  # partial content
                raise Refused(
                    "SDF309",
                    f"only the whole file at `{shown(url)}` tells what it holds",
                    hint="Download it first: `sdflow model fetch SOURCE`.",
                )
            return b"".join(response.iter_raw())[: end - begin]
    except ConnectionLostError as error:
        raise unreachable(url, str(error)) from error
