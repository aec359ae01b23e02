"""Memory over time: what the process and the device hold, looked at now and then while something else goes on."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from sdflow.device import Device

_EVERY = 0.05
_MOST = 2000


@dataclass(frozen=True, slots=True)
class Sample:
    """Bytes at a moment, seconds after the trace began; None where they cannot be told."""

    seconds: float
    process: int | None
    device: int | None


class MemoryTrace:
    """Samples while the context is open. However long that is, a trace has at most two thousand of them.

    A sample takes some ten microseconds, so that twenty in a second cost less than a thousandth.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self.began = time.monotonic()
        self._samples: list[Sample] = []
        self._every = _EVERY
        self._stop = Event()
        self._thread = Thread(target=self._sample, name="sdflow-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def samples(self) -> Sequence[Sample]:
        """In the order of time."""
        return self._samples

    def _sample(self) -> None:
        while True:
            self._samples.append(
                Sample(time.monotonic() - self.began, process_bytes(), device_bytes(self._device))
            )
            if len(self._samples) > _MOST:
                del self._samples[1::2]
                self._every *= 2
            if self._stop.is_set():
                return
            self._stop.wait(self._every)


def process_bytes() -> int | None:
    """The resident set of this process; what it had at most so far where the system tells nothing else."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return _most_so_far()


def device_bytes(device: Device) -> int | None:
    """What tensors hold on a GPU of NVIDIA's, once torch is loaded and uses it."""
    if device.type != "cuda":
        return None
    torch: Any = sys.modules.get("torch")
    cuda: Any = getattr(torch, "cuda", None)
    # Another thread may be importing torch right now, and then it lacks half of itself.
    if cuda is None or not getattr(cuda, "is_initialized", bool)():
        return None
    return int(cuda.memory_allocated(str(device)))


def _most_so_far() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
