"""Memory while nodes run: how much one took at most, and whether an error means that there was too little."""

import sys
from typing import Any

from sdflow.device import Device

_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was too little memory, on a device or the host. Does not import torch.

    CUDA has an exception of its own; allocators of the CPU and of Metal say it in words.
    """
    torch: Any = sys.modules.get("torch")
    # Another thread may be importing torch right now, and then it has no exceptions yet.
    own = getattr(torch, "OutOfMemoryError", None)
    if isinstance(error, MemoryError) or (isinstance(own, type) and isinstance(error, own)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


class PeakMeter:
    """The most bytes that were held between its making and `peak_bytes`, for a node on the device.

    On CUDA the allocator's own account; elsewhere nothing exact can be had for a single node of a process.
    """

    def __init__(self, device: Device) -> None:
        self._torch: Any = sys.modules.get("torch") if device.type == "cuda" else None
        self._device = str(device)
        if self._torch is not None:
            self._torch.cuda.reset_peak_memory_stats(self._device)

    def peak_bytes(self) -> int | None:
        """Bytes, or None where they are not known."""
        if self._torch is None:
            return None
        return int(self._torch.cuda.max_memory_allocated(self._device))
