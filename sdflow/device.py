"""Where tensors are computed."""

import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

DeviceType: TypeAlias = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device as found without torch. `memory_bytes` is what models and tensors may share on it."""

    type: DeviceType
    index: int
    name: str
    memory_bytes: int

    def __str__(self) -> str:
        """As torch names it: `cpu`, `mps`, `cuda:0`."""
        return f"{self.type}:{self.index}" if self.type == "cuda" else self.type

    @property
    def default_dtype(self) -> str:
        """What `dtype: auto` means here: float16 on CUDA, float32 elsewhere."""
        return "float16" if self.type == "cuda" else "float32"


@cache
def processor() -> str:
    """The model of the processor."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
