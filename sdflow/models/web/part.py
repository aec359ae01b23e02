"""The part of a download that has arrived, and the rest of it."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sdflow.models.refused import Refused
from sdflow.models.web.answers import ConnectionLostError, opened, shown, unreachable
from sdflow.models.web.beginning import whole_size
from sdflow.models.web.place import WebPlace

if TYPE_CHECKING:
    import httpx2

Progress: TypeAlias = Callable[[int, int], None]

_EVERY = 0.1
"""Seconds between two reports of progress."""
_ATTEMPTS = 5
"""Attempts in a row that bring nothing, before sdflow gives up."""
_PAUSE = 0.5
"""Seconds before the second attempt; twice as long before each further one."""


class OtherSizeError(Refused):
    """The server tells another size than it did before."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file that grows; beside it lies what the server called its version."""

    path: Path

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def version(self) -> str:
        """The server's strong ETag, or its date of the last change; empty when it told none."""
        try:
            return str(json.loads(self._note.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def begin(self, version: str) -> None:
        """Start anew, with the file that the server calls `version`."""
        self.path.unlink(missing_ok=True)
        self._note.write_text(json.dumps({"version": version}), encoding="utf-8")

    def remove(self) -> None:
        """Leave nothing."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self, name: Path) -> Path:
        """Give the whole file its name; from then on it is only read."""
        self.path.chmod(0o444)
        self.path.replace(name)
        self._note.unlink(missing_ok=True)
        return name


def receive(
    place: WebPlace,
    url: str,
    part: Part,
    size: int | None,
    progress: Progress | None = None,
    *,
    checked: bool = True,
) -> str:
    """Bring the rest of a file; its `sha256:…` when all of it is here.

    What has arrived stays if it fails. A file that has changed on the server is begun anew. `checked` says that the
    digest will show whether the parts belong together, where the server cannot.

    Raises:
        Refused: the server refuses, or the connection broke again and again.
        OSError: the disk refuses.
    """
    failures = 0
    while True:
        before = part.size
        try:
            if _go_on(place, url, part, size, progress, checked=checked):
                break
        except ConnectionLostError as error:
            failures = 0 if part.size > before else failures + 1
            if failures == _ATTEMPTS and not part.size:
                raise unreachable(url, str(error)) from error
            if failures == _ATTEMPTS:
                raise Refused(
                    "SDF317",
                    f"the download of `{shown(url)}` broke off: {error}",
                    hint="What has arrived is kept. Run again to go on.",
                ) from error
            if progress is not None and size is not None:
                progress(min(part.size, size), size)
            time.sleep(_PAUSE * 2 ** max(failures - 1, 0))
    with part.path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _go_on(
    place: WebPlace, url: str, part: Part, size: int | None, progress: Progress | None, *, checked: bool
) -> bool:
    """One request; whether all of the file is here."""
    have, version = part.size, part.version
    if size is not None and have == size:
        return True
    headers = {}
    if have and (version or checked):
        headers = {"Range": f"bytes={have}-", **({"If-Range": version} if version else {})}
    with opened(place, url, headers, also={416}) as response:
        told = whole_size(response)
        if response.status_code == 416:  # noqa: PLR2004  # nothing comes after what is here
            if told != have:
                part.remove()
            return told == have
        if told is not None and size is not None and told != size:
            part.remove()
            raise OtherSizeError(
                "SDF317",
                f"the file at `{shown(url)}` has {told:,} bytes now, and the one that was planned with has {size:,}",
            )
        if response.status_code == 206:  # noqa: PLR2004
            if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                part.remove()
                return False
        else:
            have = 0
            part.begin(version_of(response))
        _write(part, response, told if told is not None else size, progress)
    return True


def _write(part: Part, response: "httpx2.Response", total: int | None, progress: Progress | None) -> None:
    have, told = part.size, 0.0
    with part.path.open("ab") as file:
        for piece in response.iter_raw():  # as it comes: pieces of a fixed size are lost where it breaks
            file.write(piece)
            have += len(piece)
            now = time.monotonic()
            if progress is not None and (now - told > _EVERY or have == total):
                told = now
                progress(have, total if total is not None else have + 1)
        file.flush()
        os.fsync(file.fileno())
    if progress is not None and total is None:
        progress(have, have)


def version_of(response: "httpx2.Response") -> str:
    """What `If-Range` may name: a strong ETag, or the date (RFC 9110, 13.1.5)."""
    tag = str(response.headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(response.headers.get("Last-Modified", ""))
