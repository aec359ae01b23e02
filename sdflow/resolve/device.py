"""Finding the device without importing torch, which alone would take seconds."""

import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from sdflow.device import Device, processor
from sdflow.problems import UserError, nearest, problem
from sdflow.resolve.cuda_driver import DriverError, Gpu, find_gpus
from sdflow.resolve.host_memory import host_memory
from sdflow.resolve.torch_build import TorchBuild, find_torch_build

_WORDS = ("auto", "cpu", "cuda", "mps")
_OTHER_WORDS = {"gpu": "cuda", "nvidia": "cuda", "metal": "mps", "apple": "mps"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What can be asked of a machine; tests give their own."""

    gpus: Callable[[], tuple[Gpu, ...]] = find_gpus
    torch_build: Callable[[], TorchBuild | None] = find_torch_build
    memory: Callable[[], int] = host_memory
    system: str = sys.platform
    architecture: str = platform.machine()
    processor: Callable[[], str] = processor

    @property
    def has_metal(self) -> bool:
        """Whether it is a Mac with Apple silicon."""
        return self.system == "darwin" and self.architecture == "arm64"


def find_device(request: str = "auto", machine: Machine | None = None) -> Device:
    """The device that `request` names: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    `auto` takes the first GPU that both the driver and torch's build can use, then Metal, then the CPU.

    Raises:
        UserError: the device is not there, in a sentence.
    """
    machine = machine or Machine()
    word = request.strip().lower()
    match = re.fullmatch(r"cuda(?::(\d+))?", word)
    if match:
        return _cuda(machine, int(match[1] or 0))
    if word == "mps":
        return _mps(machine)
    if word == "cpu":
        return _cpu(machine)
    if word == "auto":
        return _auto(machine)
    close = _OTHER_WORDS.get(word) or nearest(word, _WORDS)
    hint = f"Did you mean `{close}`?" if close else "A device is `auto`, `cpu`, `cuda`, `cuda:1` or `mps`."
    raise problem("SDF601", f"there is no device `{request}`", hint=hint)


def _auto(machine: Machine) -> Device:
    for find in (_cuda, _mps):
        try:
            return find(machine)
        except UserError:
            continue
    return _cpu(machine)


def _cuda(machine: Machine, index: int = 0) -> Device:
    build = machine.torch_build()
    if build is None:
        raise problem(
            "SDF606", "torch is not installed here", hint="Install it: https://pytorch.org/get-started"
        )
    if not build.has_cuda:
        raise problem(
            "SDF603",
            f"the installed torch {build.version} is built without CUDA",
            hint="Install a CUDA build (https://pytorch.org/get-started), or use `--device cpu`.",
        )
    try:
        gpus = machine.gpus()
    except DriverError as error:
        raise problem("SDF602", f"no NVIDIA GPU can be used: {error}", hint="Use `--device cpu`.") from error
    if index >= len(gpus):
        raise _no_such_gpu(index, gpus)
    return Device("cuda", index, gpus[index].name, gpus[index].memory_bytes)


def _no_such_gpu(index: int, gpus: tuple[Gpu, ...]) -> UserError:
    if not gpus:
        message = "the NVIDIA driver shows no GPU to this process"
        return problem("SDF604", message, hint="Look at CUDA_VISIBLE_DEVICES, or use `--device cpu`.")
    listed = ", ".join(f"`cuda:{number}` ({gpu.name})" for number, gpu in enumerate(gpus))
    return problem("SDF604", f"there is no GPU `cuda:{index}`", hint=f"There is {listed}.")


def _mps(machine: Machine) -> Device:
    if not machine.has_metal:
        raise problem("SDF605", "`mps` needs a Mac with Apple silicon", hint="Use `--device auto`.")
    # Memory is shared with the CPU; Metal recommends to keep to about three quarters of it.
    return Device("mps", 0, "Apple silicon", machine.memory() * 3 // 4)


def _cpu(machine: Machine) -> Device:
    return Device("cpu", 0, machine.processor(), machine.memory())
