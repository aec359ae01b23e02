"""Memory while nodes run: how much one took at most, and whether an error means that there was too little."""

import sys
from typing import Any

from sdflow.device import Device


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device had too little memory. Does not import torch: without it, nothing can be out of it."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


class PeakMeter:
    """The most bytes that were held between its making and `peak_bytes`.

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
