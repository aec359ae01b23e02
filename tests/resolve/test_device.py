"""Finding a device: with torch's files and the driver, and never with torch."""

import ctypes
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from sdflow.problems import UserError
from sdflow.resolve.cuda_driver import DriverError, Gpu, find_gpus
from sdflow.resolve.device import Machine, find_device
from sdflow.resolve.host_memory import host_memory
from sdflow.resolve.torch_build import TorchBuild, find_torch_build, read_torch_build

GB = 1 << 30
TWO = (Gpu("NVIDIA H100", 80 * GB), Gpu("NVIDIA L4", 24 * GB))
CUDA_BUILD = TorchBuild("2.13.0+cu130", "13.0")
CPU_BUILD = TorchBuild("2.13.0+cpu", None)


def machine(
    gpus: tuple[Gpu, ...] | None = None,
    build: TorchBuild | None = CUDA_BUILD,
    *,
    system: str = "linux",
    architecture: str = "x86_64",
) -> Machine:
    """A machine; `gpus` None has no driver."""

    def find() -> tuple[Gpu, ...]:
        if gpus is None:
            raise DriverError("there is no NVIDIA driver on this machine")
        return gpus

    return Machine(find, lambda: build, lambda: 16 * GB, system, architecture)


MAC = machine(build=TorchBuild("2.13.0", None), system="darwin", architecture="arm64")


@pytest.mark.parametrize(
    ("request_", "on", "expected"),
    [
        ("auto", machine(TWO), "cuda:0"),
        ("auto", machine(TWO, CPU_BUILD), "cpu"),
        ("auto", machine(), "cpu"),
        ("auto", machine(()), "cpu"),
        ("auto", machine(TWO, None), "cpu"),
        ("auto", MAC, "mps"),
        ("cpu", machine(TWO), "cpu"),
        ("cuda", machine(TWO), "cuda:0"),
        ("cuda:1", machine(TWO), "cuda:1"),
        ("CUDA:1", machine(TWO), "cuda:1"),
        ("mps", MAC, "mps"),
    ],
)
def test_devices(request_: str, on: Machine, expected: str) -> None:
    assert str(find_device(request_, on)) == expected


def test_what_is_known_of_a_gpu() -> None:
    device = find_device("cuda:1", machine(TWO))
    assert (device.name, device.memory_bytes, device.default_dtype) == ("NVIDIA L4", 24 * GB, "float16")
    assert find_device("cpu", machine()).memory_bytes == 16 * GB


@pytest.mark.parametrize(
    ("request_", "on", "code", "words"),
    [
        ("cuda", machine(), "SDF602", "no NVIDIA driver"),
        ("cuda", machine(TWO, CPU_BUILD), "SDF603", "2.13.0+cpu is built without CUDA"),
        ("cuda", machine(TWO, None), "SDF606", "torch is not installed"),
        ("cuda:2", machine(TWO), "SDF604", "`cuda:1` (NVIDIA L4)"),
        ("cuda", machine(()), "SDF604", "CUDA_VISIBLE_DEVICES"),
        ("mps", machine(TWO), "SDF605", "Apple silicon"),
        ("cudda", machine(TWO), "SDF601", "Did you mean `cuda`?"),
        ("gpu", machine(TWO), "SDF601", "Did you mean `cuda`?"),
        ("cuda:x", machine(TWO), "SDF601", "`cuda:x`"),
        ("", machine(TWO), "SDF601", "A device is"),
    ],
)
def test_what_is_not_there_gets_a_sentence(request_: str, on: Machine, code: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        find_device(request_, on)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert words in f"{problem.message} {problem.hint}"
    assert "\n" not in problem.message


def test_the_installed_torch_is_read_and_not_imported() -> None:
    code = (
        "import sys; from sdflow.resolve.torch_build import find_torch_build;"
        "from sdflow.resolve.device import find_device; find_device();"
        "print(find_torch_build().version); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, imported = run.stdout.split()
    import torch

    assert version == torch.__version__
    assert imported == "False"
    build = find_torch_build()
    assert build is not None
    assert build.cuda == torch.version.cuda


def test_files_of_torch(tmp_path: Path) -> None:
    assert read_torch_build(tmp_path) is None
    file = tmp_path / "version.py"
    file.write_text("__version__ = '2.6.0+cu124'\ncuda: Optional[str] = '12.4'\nhip: Optional[str] = None\n")
    assert read_torch_build(tmp_path) == TorchBuild("2.6.0+cu124", "12.4")
    file.write_text("__version__ = '2.6.0'\ncuda: Optional[str] = None\n")
    assert read_torch_build(tmp_path) == TorchBuild("2.6.0", None)


class Driver:
    """A driver's library with two GPUs, or one that answers every call with an error."""

    def __init__(self, status: int = 0) -> None:
        self.status = status

    def cuInit(self, _flags: int) -> int:  # noqa: N802  # the driver's names
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(TWO)
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:  # noqa: N802
        device._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, _length: int, device: Any) -> int:  # noqa: N802
        name.value = TWO[device.value].name.encode()
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:  # noqa: N802
        memory._obj.value = TWO[device.value].memory_bytes
        return 0


def loader(status: int = 0) -> Callable[[str], ctypes.CDLL]:
    return lambda _: cast("ctypes.CDLL", Driver(status))


def test_the_driver_is_asked() -> None:
    assert find_gpus(loader()) == TWO
    assert find_gpus(loader(100)) == (), "a driver without a GPU"
    with pytest.raises(DriverError, match="does not fit"):
        find_gpus(loader(803))
    with pytest.raises(DriverError, match="error 42"):
        find_gpus(loader(42))

    def missing(name: str) -> ctypes.CDLL:
        raise OSError(name)

    with pytest.raises(DriverError, match="no NVIDIA driver"):
        find_gpus(missing)


def test_a_container_has_less_memory_than_its_machine(tmp_path: Path) -> None:
    group, membership = tmp_path / "cgroup", tmp_path / "self"
    (group / "batch" / "job").mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    membership.write_text("0::/batch/job\n")
    whole = host_memory(group, membership)
    assert whole > GB // 4
    (group / "batch" / "memory.max").write_text("1000000\n")
    assert host_memory(group, membership) == 1_000_000
    (group / "batch" / "job" / "memory.max").write_text("500000\n")
    assert host_memory(group, membership) == 500_000
    assert host_memory(tmp_path / "none", tmp_path / "none") == whole
