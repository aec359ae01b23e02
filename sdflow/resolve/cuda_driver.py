"""GPUs as the NVIDIA driver shows them to this process, asked for directly.

CUDA driver API: https://docs.nvidia.com/cuda/cuda-driver-api/ (`cuInit`, `cuDeviceGet…`). No context is made,
so nothing is taken of a GPU's memory. The driver itself obeys CUDA_VISIBLE_DEVICES.
"""

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass

_NO_DEVICE = 100
_REASONS = {
    _NO_DEVICE: "the driver finds no GPU",
    803: "the driver does not fit the CUDA libraries that are installed",
    804: "the GPU's kind needs another driver",
    999: "the driver answers with an unknown error; it may need a restart",
}


class DriverError(Exception):
    """There is no driver, or it does not work; the message says which."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU: its name and all of its memory."""

    name: str
    memory_bytes: int


def find_gpus(load: Callable[[str], ctypes.CDLL] = ctypes.CDLL) -> tuple[Gpu, ...]:
    """All GPUs that this process may use, in CUDA's order.

    Raises:
        DriverError: no driver, or one that does not work.
    """
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = load(name)
    except OSError as error:
        raise DriverError("there is no NVIDIA driver on this machine") from error
    status = driver.cuInit(0)
    if status == _NO_DEVICE:
        return ()
    _check(status)
    count = ctypes.c_int()
    _check(driver.cuDeviceGetCount(ctypes.byref(count)))
    return tuple(_gpu(driver, index) for index in range(count.value))


def _gpu(driver: ctypes.CDLL, index: int) -> Gpu:
    device = ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    memory = ctypes.c_size_t()
    _check(driver.cuDeviceGet(ctypes.byref(device), index))
    _check(driver.cuDeviceGetName(name, len(name), device))
    _check(driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device))
    return Gpu(name.value.decode(errors="replace"), memory.value)


def _check(status: int) -> None:
    if status:
        raise DriverError(_REASONS.get(status, f"the driver answers with error {status}"))
