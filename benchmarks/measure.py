"""What the benchmarks share: facts about the machine, medians, one form of result file.

Run a benchmark as a module from the root of the repository, such as `python -m benchmarks.store`.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path

from sdflow.composition import Json

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("sdflow", "torch", "diffusers", "transformers", "pydantic", "numpy")


def machine(libraries: Iterable[str] = LIBRARIES) -> dict[str, Json]:
    """Processor, cores, memory, system, Python and the versions of installed libraries; no names or paths."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version for name in libraries if (version := _version(name)) is not None},
    }


def seconds_of(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def median_of(run: Callable[[], object], times: int) -> float:
    """Median wall time in seconds of `times` calls."""
    return statistics.median(seconds_of(run) for _ in range(times))


def medians_of(runs: Mapping[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Median wall time of several things, turn by turn, so that a busy moment of the machine meets all."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(times):
        for name, run in runs.items():
            seconds[name].append(seconds_of(run))
    return {name: statistics.median(measured) for name, measured in seconds.items()}


def peak_resident() -> int:
    """Bytes of the largest resident set that this process has had.

    Linux hands `ru_maxrss` of a parent on to what it starts, and a parent that has torch loaded is no small one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        import resource

        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest if platform.system() == "Darwin" else largest * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def write(name: str, data: Mapping[str, Json]) -> Path:
    """Write `benchmarks/results/NAME.json`: the data, the day and the machine."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"day": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine(), **data}
    path.write_text(
        json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    return path


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _memory_gb() -> float | None:
    if not hasattr(os, "sysconf"):
        return None
    return round(float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) / 1e9, 1)
