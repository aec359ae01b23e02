"""Output files: what was written where, so that a file that is there and right is not written again."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

_KEPT = 20_000


@dataclass(slots=True)
class WrittenFiles:
    """For each output file the digest of what it was made from, and its size and time of change."""

    file: Path
    _known: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    _changed: bool = False
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def read(cls, file: Path) -> "WrittenFiles":
        """What a file remembers; nothing, when it is not there or cannot be understood."""
        try:
            found = json.loads(file.read_bytes())
            known = {str(path): (str(it[0]), int(it[1]), int(it[2])) for path, it in found.items()}
        except (OSError, ValueError, AttributeError, TypeError, IndexError):
            known = {}
        return cls(file, known)

    def is_right(self, path: Path, digest: str) -> bool:
        """Whether the file was made from this, and nobody has changed it since."""
        try:
            found = path.stat()
        except OSError:
            return False
        return self._known.get(str(path)) == (digest, found.st_size, found.st_mtime_ns)

    def add(self, path: Path, digest: str) -> None:
        """Remember a file that was just written."""
        found = path.stat()
        with self._lock:
            self._known.pop(str(path), None)
            self._known[str(path)] = (digest, found.st_size, found.st_mtime_ns)
            self._changed = True

    def write(self) -> None:
        """Replace the memory; when that fails, files are written once more than needed."""
        if not self._changed:
            return
        temporary = self.file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            latest = dict(list(self._known.items())[-_KEPT:])
            temporary.write_text(json.dumps(latest))
            temporary.replace(self.file)
        except OSError:
            temporary.unlink(missing_ok=True)
