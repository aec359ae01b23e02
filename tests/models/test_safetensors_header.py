"""Reading headers: what the library itself reads, and no surprise from anything else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo, read_header
from tests.models.layout import safetensors


def test_files_of_the_library(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file(
        {"x": np.zeros((2, 3), np.float16), "y": np.zeros((), np.int64)}, file, metadata={"format": "pt"}
    )
    assert dict(read_header(file)) == {"x": TensorInfo("F16", (2, 3)), "y": TensorInfo("I64", ())}
    assert sum(info.elements for info in read_header(file).values()) == 7


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "huge.safetensors"
    with file.open("wb") as stream:  # sparse: nothing is written
        stream.write((1 << 31).to_bytes(8, "little") + b"{")
        stream.truncate(1 << 32)
    with pytest.raises(BrokenHeaderError):
        read_header(file)


WHOLE = safetensors({"a": ("F32", (2, 2), bytes(16)), "b": ("F16", (3,), bytes(6))})


@given(
    place=st.integers(0, len(WHOLE) - 1),
    byte=st.integers(0, 255),
    cut=st.integers(0, len(WHOLE)),
    whole=st.booleans(),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_harmless(
    tmp_path: Path, place: int, byte: int, cut: int, *, whole: bool
) -> None:
    damaged = WHOLE[:place] + bytes([byte]) + WHOLE[place + 1 :]
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(damaged if whole else damaged[:cut])
    try:
        tensors = read_header(file)
    except BrokenHeaderError:
        return
    assert sum(info.elements for info in tensors.values()) <= 22
