"""Child processes, timed from their start to their end."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdflow.composition import Json

ROOT = Path(__file__).parents[1]
SDFLOW = (sys.executable, "-m", "sdflow")
GIVING_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
"""For an environment in which glibc gives memory back at once: a peak is of what is in use then, and the same each
time. Else it varies by 60 MB."""


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True, slots=True)
class Child:
    """A command, and what to do before each time it is timed."""

    command: Sequence[str | int | Path]
    prepare: Callable[[], object] = nothing


def environment(folder: Path) -> dict[str, str]:
    """Of the children: this checkout, a cache of their own, no network, and compiled modules as when installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "SDFLOW_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_COLOR": "1",
    }


def run(child: Child, folder: Path) -> float:
    """Wall time of one run of a child in `folder`.

    Raises:
        RuntimeError: it failed, with what it said.
    """
    child.prepare()
    command = [str(part) for part in child.command]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return seconds


def in_turns(children: Mapping[str, Child], folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of several children, turn by turn, forwards and backwards.

    With more than one round, a first one is not counted: it compiles modules and fills the system's caches.
    """
    names = list(children)
    for name in names if rounds > 1 else ():
        run(children[name], folder)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            seconds[name].append(run(children[name], folder))
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], one: str, other: str) -> float:
    """How many times as long `one` took as `other`: the median over the rounds."""
    pairs = zip(seconds[one], seconds[other], strict=True)
    return statistics.median(first / second for first, second in pairs)


def medians(seconds: Mapping[str, Sequence[float]]) -> dict[str, Json]:
    """Median and smallest time of each, in seconds."""
    return {
        name: {"median": round(statistics.median(times), 4), "least": round(min(times), 4)}
        for name, times in seconds.items()
    }
