"""Where tensors are computed."""

import platform
import re
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


_WIDE = re.compile(r"(avx|amx|asimd|sve|sme\d|bf16|i8mm)\w*|fma|f16c|sme")
"""Names of instructions that compute with several numbers at once, on x86 and on ARM."""


@cache
def processor() -> str:
    """The model of the processor."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


@cache
def instructions() -> str:
    """The instructions of the processor by which libraries choose their kernels: `amx_bf16 avx avx2 fma`.

    A virtual machine may hide the processor's model, but not these. Empty where the system does not tell.
    """
    names = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    return " ".join(sorted({name for name in names if _WIDE.fullmatch(name)}))


def _cpuinfo(name: str) -> str:
    """The first value of a name in what Linux tells of the processor."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            for line in lines:
                if line.startswith(name):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""
