"""The files of one commit on the hub, remembered on this disk.

A commit never changes, so a listing is asked for once. It makes a plan exact before anything is downloaded,
and tells which files a partly downloaded snapshot still lacks.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sdflow.models.hub_place import HubPlace
from sdflow.models.notes import write_note

_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """Size in bytes and, for a large file, its sha256 in hexadecimal."""

    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of one commit. `repo` is the repository's present name, perhaps not the one asked for."""

    repo: str
    commit: str
    files: Mapping[str, HubFile]


def known_commit(place: HubPlace, repo: str, revision: str | None) -> str | None:
    """The commit that a branch or tag meant when it was last asked for, here; None when it never was."""
    name = revision or "main"
    if _COMMIT.fullmatch(name):
        return name
    for file in (place.repo_folder(repo) / "refs" / name, _folder(place, repo) / "refs" / name):
        try:
            commit = file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            continue
        if _COMMIT.fullmatch(commit):
            return commit
    return None


def load_listing(place: HubPlace, repo: str, commit: str) -> Listing | None:
    """The remembered listing of a commit, or None."""
    try:
        stored = json.loads((_folder(place, repo) / f"{commit}.json").read_text(encoding="utf-8"))
        files = {name: HubFile(int(size), sha256) for name, (size, sha256) in stored["files"].items()}
        return Listing(str(stored["repo"]), commit, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save_listing(place: HubPlace, repo: str, revision: str | None, listing: Listing) -> None:
    """Remember a listing, and what `revision` of `repo` meant. A disk that refuses costs only the memory."""
    folder = _folder(place, repo)
    files = {name: [file.size, file.sha256] for name, file in sorted(listing.files.items())}
    write_note(folder / f"{listing.commit}.json", json.dumps({"repo": listing.repo, "files": files}))
    name = revision or "main"
    if not _COMMIT.fullmatch(name) and ".." not in name:
        write_note(folder / "refs" / name, listing.commit)


def _folder(place: HubPlace, repo: str) -> Path:
    host = re.sub(r"[^A-Za-z0-9.]+", "-", place.endpoint.partition("://")[2] or place.endpoint)
    return place.listings / host / repo.replace("/", "--")
