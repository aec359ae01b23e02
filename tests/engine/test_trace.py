"""Memory over time."""

import time

import pytest

from sdflow.engine import trace
from sdflow.engine.trace import MemoryTrace, device_bytes, process_bytes

MEGABYTE = 2**20


def test_what_was_held_meanwhile_is_in_the_trace() -> None:
    with MemoryTrace() as found:
        time.sleep(0.12)
        held = bytearray(b"x") * (64 * MEGABYTE)
        time.sleep(0.12)
        assert len(held) == 64 * MEGABYTE
    amounts = [sample.process for sample in found.samples]
    assert None not in amounts
    known = [amount for amount in amounts if amount is not None]
    assert max(known) - known[0] > 50 * MEGABYTE
    moments = [sample.seconds for sample in found.samples]
    assert moments == sorted(moments)
    assert moments[0] < 0.1
    assert moments[-1] > 0.2


def test_a_long_trace_is_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_MOST", 10)
    monkeypatch.setattr(trace, "_EVERY", 0.001)
    with MemoryTrace() as found:
        time.sleep(0.2)
    assert 4 <= len(found.samples) <= 11
    moments = [sample.seconds for sample in found.samples]
    assert moments == sorted(moments)
    assert moments[-1] > 0.15


def test_a_process_without_a_gpu_has_no_memory_there() -> None:
    assert (process_bytes() or 0) > MEGABYTE
    assert device_bytes() is None
