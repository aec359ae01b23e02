"""A file on the web of which nobody knows the sha256 yet."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from sdflow.models.notes import write_note
from sdflow.models.web.answers import ConnectionLostError, opened, unreachable
from sdflow.models.web.beginning import told_name, whole_size
from sdflow.models.web.download import Progress, alone, check_space, disk_refuses, downloaded
from sdflow.models.web.file import WebFile
from sdflow.models.web.names import checked_name
from sdflow.models.web.part import Part, receive, version_of
from sdflow.models.web.place import WebPlace


def fetch_unknown(
    place: WebPlace, url: str, name: str | None, progress: Progress | None = None
) -> tuple[WebFile, Path]:
    """Download what is at an address now; the file, with its sha256, and its path.

    What was fetched from there before and has not changed since is not downloaded again.

    Raises:
        Refused: no space, no connection, no access, or a file without a name that tells what it is.
    """
    try:
        with opened(place, url) as response:
            version, size = version_of(response), whole_size(response)
            name = checked_name(url, name, told_name(response))
    except ConnectionLostError as error:
        raise unreachable(url, str(error)) from error
    number = hashlib.sha256(url.encode()).hexdigest()
    note = place.notes / "fetched" / f"{number}.json"
    digest = _recall(note, version)
    path = downloaded(place, digest, name) if digest else None
    if digest is None or path is None:
        digest, path = _download(
            place, WebFile(url, name, "", size), place.downloads / "new" / number, progress
        )
        write_note(note, json.dumps({"version": version, "digest": digest}))
    return WebFile(url, name, digest, path.stat().st_size), path


def _download(place: WebPlace, file: WebFile, folder: Path, progress: Progress | None) -> tuple[str, Path]:
    part = Part(folder / f"{file.name}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / ".lock", part, file.size, progress):
            check_space(place, file.url, max((file.size or 0) - part.size, 0))
            digest = receive(place, file.url, part, file.size, progress, checked=False)
            home = place.folder(digest)
            home.mkdir(parents=True, exist_ok=True)
            return digest, part.finish(home / file.name)
    except OSError as error:
        raise disk_refuses(place, file.url, (file.size or 0) - part.size, error) from error


def _recall(note: Path, version: str) -> str | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(note.read_text(encoding="utf-8"))
        if version and stored["version"] == version:
            return str(stored["digest"])
    return None
