"""What a result was made with: versions, processor, threads. Found without importing torch."""

import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sdflow.composition import Json
from sdflow.device import Device, instructions, processor

_PACKAGES = ("sdflow", "torch", "diffusers", "transformers", "numpy", "Pillow")


def environment(device: Device) -> dict[str, Json]:
    """Versions, device, processor and threads, as records hold them.

    `threads` are those that torch has, once it is loaded; `parallel` is what they follow from: OMP_NUM_THREADS, or the
    number of cores.
    """
    asked = os.environ.get("OMP_NUM_THREADS")
    return {
        "versions": dict(versions()),
        "python": platform.python_version(),
        "device": device.name,
        "device-type": device.type,
        "processor": processor(),
        "instructions": instructions(),
        "threads": _threads(),
        "parallel": f"OMP_NUM_THREADS={asked}" if asked else f"{os.cpu_count()} cores",
    }


@cache
def versions() -> dict[str, str]:
    """Versions of the packages whose code is in a result."""
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _threads() -> int:
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
