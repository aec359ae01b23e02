"""How long work took, for the estimates of the next plan: seconds per unit of work, by node type and scale."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from sdflow.engine.small_file import read_json, write_json

_KEPT = 9
_UNUSUAL = 3


@dataclass(slots=True)
class Rates:
    """The last few rates of each node type on each scale (device and components), in one small file.

    Processes that write at the same time lose each other's newest rates and nothing else.
    """

    file: Path
    _rates: dict[str, list[float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def read(cls, file: Path) -> "Rates":
        """The rates in a file; none, when it is not there or cannot be understood."""
        found = read_json(file)
        rates = {
            name: [float(rate) for rate in each if isinstance(rate, int | float)]
            for name, each in (found.items() if isinstance(found, dict) else ())
            if isinstance(each, list)
        }
        return cls(file, rates)

    def seconds(self, node_type: str, scale: str, work: float) -> tuple[float, float] | None:
        """Shortest and longest time that this much work would have taken lately; None when nothing is known."""
        rates = self._rates.get(f"{node_type} {scale}")
        if not rates:
            return None
        middle = statistics.median(rates)
        usual = [rate for rate in rates if rate <= _UNUSUAL * middle]
        return min(usual) * work, max(usual) * work

    def add(self, node_type: str, scale: str, work: float, seconds: float) -> None:
        """Remember one run."""
        with self._lock:
            rates = self._rates.setdefault(f"{node_type} {scale}", [])
            rates.append(seconds / max(work, 1e-9))
            del rates[:-_KEPT]

    def write(self) -> None:
        """Replace the file."""
        write_json(self.file, dict(self._rates))  # type: ignore[arg-type]  # lists of numbers are JSON
