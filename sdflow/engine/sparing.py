"""Which nodes ran out of memory: their keys are remembered, so that the next plan has their sparing form at once."""

from dataclasses import dataclass, field
from pathlib import Path

from sdflow.engine.small_file import read_json, write_json

_KEPT = 10_000


@dataclass(slots=True)
class SparingKeys:
    """Keys of nodes that did not fit into memory as they are written."""

    file: Path
    _keys: dict[str, None] = field(default_factory=dict)

    @classmethod
    def read(cls, file: Path) -> "SparingKeys":
        """The keys in a file; none, when it is not there or cannot be understood."""
        found = read_json(file)
        return cls(file, dict.fromkeys(map(str, found)) if isinstance(found, list) else {})

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Remember a key."""
        self._keys[key] = None
        write_json(self.file, list(self._keys)[-_KEPT:])  # type: ignore[arg-type]  # texts are JSON
