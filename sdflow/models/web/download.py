"""Downloads: each file lies under its sha256, whole or not at all; what was begun goes on where it stopped."""

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from sdflow.models.refused import Refused
from sdflow.models.web.answers import shown
from sdflow.models.web.beginning import forget_beginning
from sdflow.models.web.file import WebFile
from sdflow.models.web.part import OtherSizeError, Part, receive
from sdflow.models.web.place import WebPlace

Progress: TypeAlias = Callable[[int, int], None]
"""Told the bytes that are here and the bytes that it will be. What it raises ends the download, which is kept."""

_SPARE = 64 * 1024 * 1024
"""Bytes of disk that a download leaves free."""


def downloaded(place: WebPlace, digest: str, name: str) -> Path | None:
    """Where a file was downloaded to, or None. One that came under another name is linked under this one."""
    folder = place.folder(digest)
    path = folder / name
    if path.is_file():
        return path
    try:
        same = [it for it in folder.iterdir() if not it.name.endswith(_UNFINISHED)]
    except OSError:
        return None
    for other in same:
        try:
            path.hardlink_to(other)
        except FileExistsError:
            return path
        except OSError:
            continue
        return path
    return None


def download_file(place: WebPlace, file: WebFile, progress: Progress | None = None) -> Path:
    """Bring a file into the folder of downloads and check its digest; its path there.

    Several processes may ask for one file: one of them downloads it, and the others wait.

    Raises:
        Refused: no space, no connection, no access, or the file has another digest.
    """
    there = downloaded(place, file.digest, file.name)
    if there is not None:
        return there
    folder = place.folder(file.digest)
    part = Part(folder / f"{file.name}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / ".lock", part, file.size, progress):
            there = downloaded(place, file.digest, file.name)
            if there is None:
                _receive(place, file, part, progress)
                there = part.finish(folder / file.name)
            return there
    except OSError as error:
        raise disk_refuses(place, file.url, (file.size or 0) - part.size, error) from error


def _receive(place: WebPlace, file: WebFile, part: Part, progress: Progress | None) -> None:
    check_space(place, file.url, max((file.size or 0) - part.size, 0))
    try:
        found = receive(place, file.url, part, file.size, progress)
    except OtherSizeError:
        forget_beginning(place, file.url, file.digest)
        raise
    if found != file.digest:
        part.remove()
        forget_beginning(place, file.url, file.digest)
        raise Refused(
            "SDF317",
            f"the file at `{shown(file.url)}` is not the one with this sha256, and was removed",
            hint=f"It has `sha256: {found.removeprefix('sha256:')}`: another version, or changed on the way.",
            field="sha256",
        )


def check_space(place: WebPlace, url: str, needed: int) -> None:
    """Refuse a download that the disk has no room for.

    Raises:
        Refused: there is too little.
    """
    folder = place.downloads
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if needed and shutil.disk_usage(folder).free < needed + _SPARE:
        raise _no_space(place, url, needed)


def disk_refuses(place: WebPlace, url: str, needed: int, error: OSError) -> Refused:
    """What to say when the disk would not take what arrives."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _no_space(place, url, needed)
    return Refused("SDF317", f"`{shown(url)}` cannot be kept in {place.downloads}: {error.strerror}")


def _no_space(place: WebPlace, url: str, needed: int) -> Refused:
    return Refused(
        "SDF313",
        f"`{shown(url)}` needs {max(needed, 0) / 1e9:.1f} GB more than {place.downloads} has room for",
        hint="Make room, or set SDFLOW_CACHE to a folder on a larger disk.",
    )


_UNFINISHED = (".part", ".part.json", ".lock")
_EVERY = 0.2
"""Seconds between two looks at a download that another process is busy with."""


@contextmanager
def alone(lock: Path, part: Part, size: int | None, progress: Progress | None) -> Iterator[None]:
    """While open, no other process downloads this file."""
    from filelock import FileLock, Timeout

    held = FileLock(lock)
    while True:
        try:
            held.acquire(timeout=0)
            break
        except Timeout:
            if progress is not None and size is not None:
                progress(min(part.size, size - 1), size)  # it is whole when the other one says so
            time.sleep(_EVERY)
    try:
        yield
    finally:
        held.release()
