"""Output files: what was written where, so that a file that is there and right is not written again."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from sdflow.engine.small_file import read_json, write_json

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
        found = read_json(file)
        known: dict[str, tuple[str, int, int]] = {}
        for path, facts in found.items() if isinstance(found, dict) else ():
            match facts:
                case [str(digest), int(size), int(changed)]:
                    known[path] = (digest, size, changed)
        return cls(file, known)

    def is_right(self, path: Path, digest: str) -> bool:
        """Whether the file was made from this, and nobody has changed it since."""
        return self.is_ours(path) and self._known[str(path)][0] == digest

    def is_ours(self, path: Path) -> bool:
        """Whether the file was written by a run, whatever from, and nobody has changed it since."""
        try:
            found = path.stat()
        except OSError:
            return False
        _, size, changed = self._known.get(str(path), ("", -1, -1))
        return (size, changed) == (found.st_size, found.st_mtime_ns)

    def add(self, path: Path, digest: str) -> None:
        """Remember a file that was just written."""
        found = path.stat()
        with self._lock:
            self._known.pop(str(path), None)
            self._known[str(path)] = (digest, found.st_size, found.st_mtime_ns)
            self._changed = True

    def write(self) -> None:
        """Replace the memory; when that fails, files are written once more than needed."""
        if self._changed:
            latest = list(self._known.items())[-_KEPT:]
            write_json(self.file, {path: list(facts) for path, facts in latest})
