"""Memory over time."""

import sys
import time
from types import SimpleNamespace

import pytest

from sdflow.device import Device
from sdflow.engine import trace
from sdflow.engine.trace import MemoryTrace, device_bytes, process_bytes
from tests.graph.arithmetic import CPU

MEGABYTE = 2**20


def wait_for(found: MemoryTrace, samples: int) -> None:
    while len(found.samples) < samples:
        time.sleep(0.005)


def test_what_was_held_meanwhile_is_in_the_trace() -> None:
    with MemoryTrace(CPU) as found:
        wait_for(found, 1)
        held = bytearray(b"x") * (64 * MEGABYTE)
        wait_for(found, len(found.samples) + 2)
        assert len(held) == 64 * MEGABYTE
    amounts = [sample.process for sample in found.samples]
    assert None not in amounts
    known = [amount for amount in amounts if amount is not None]
    assert max(known) - known[0] > 50 * MEGABYTE
    moments = [sample.seconds for sample in found.samples]
    assert moments == sorted(moments)
    assert 0 <= moments[0] < moments[-1]


def test_a_long_trace_is_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_MOST", 10)
    monkeypatch.setattr(trace, "_EVERY", 0.001)
    with MemoryTrace(CPU) as found:
        time.sleep(0.2)
    assert 4 <= len(found.samples) <= 11
    moments = [sample.seconds for sample in found.samples]
    assert moments == sorted(moments)
    assert moments[-1] > 0.15


def test_memory_of_a_gpu_is_asked_for_where_torch_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (process_bytes() or 0) > MEGABYTE
    gpu = Device("cuda", 1, "GPU", 2**30)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert device_bytes(gpu) is None
    cuda = SimpleNamespace(is_initialized=lambda: False, memory_allocated={"cuda:1": 7}.__getitem__)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert device_bytes(gpu) is None
    cuda.is_initialized = lambda: True
    assert device_bytes(gpu) == 7
    assert device_bytes(CPU) is None
