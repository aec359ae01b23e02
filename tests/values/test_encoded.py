"""The stored form: the safetensors library reads it, it comes back the same, and garbage is refused."""

import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.tensors import from_raw, to_raw

WIDTHS = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
WIDTHS |= {"I8": 1, "U8": 1, "BOOL": 1}
TORCH = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def raw_tensors(draw: st.DrawFn) -> RawTensor:
    dtype = draw(st.sampled_from(list(WIDTHS)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    nbytes = math.prod(shape) * WIDTHS[dtype]
    return RawTensor(dtype, shape, draw(st.binary(min_size=nbytes, max_size=nbytes)))


names = st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__")
encoded_values = st.builds(
    Encoded, st.text(max_size=8), json_values, st.dictionaries(names, raw_tensors(), max_size=4)
)
SMALL = Encoded(
    "Image", {"a": [1, None]}, {"x": RawTensor("U8", (3,), b"abc"), "y": RawTensor("F32", (1,), b"\0" * 4)}
)


@given(encoded_values)
def test_it_comes_back_the_same(value: Encoded) -> None:
    assert Encoded.from_bytes(value.to_bytes()) == value


@given(encoded_values)
def test_equal_values_give_equal_bytes(value: Encoded) -> None:
    backwards = Encoded(value.kind, value.skeleton, dict(reversed(list(value.tensors.items()))))
    assert backwards.to_bytes() == value.to_bytes() == b"".join(value.chunks())


@given(st.dictionaries(st.text("abc.é", min_size=1, max_size=5), raw_tensors(), max_size=4))
def test_the_library_reads_it(tensors: dict[str, RawTensor]) -> None:
    blob = Encoded("Latent", {"é": 1}, tensors).to_bytes()
    loaded = safetensors.torch.load(blob)
    assert loaded.keys() == tensors.keys()
    for name, raw in tensors.items():
        assert tuple(loaded[name].shape) == raw.shape
        if raw.data:
            assert bytes(loaded[name].contiguous().reshape(-1).view(torch.uint8).numpy()) == bytes(raw.data)


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.int64, np.int32, np.uint8, np.uint16, np.bool_]
)
def test_the_library_reads_arrays(dtype: "type[np.generic]") -> None:
    array = np.arange(24).astype(dtype).reshape(2, 3, 4)
    name = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32"}
    name |= {"uint8": "U8", "uint16": "U16", "bool": "BOOL"}
    blob = Encoded(
        "Image", None, {"x": RawTensor(name[array.dtype.name], array.shape, array.tobytes())}
    ).to_bytes()
    loaded = safetensors.numpy.load(blob)["x"]
    assert loaded.dtype == array.dtype
    assert np.array_equal(loaded, array)


@pytest.mark.parametrize("dtype", TORCH, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3, 4)], ids=str)
def test_tensors_of_every_dtype_come_back_to_the_bit(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    bits = torch.randint(
        0, 256, (*shape, dtype.itemsize), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    tensor = (bits % 2 if dtype is torch.bool else bits).view(dtype).reshape(shape)
    blob = Encoded("Latent", None, {"x": to_raw(tensor)}).to_bytes()
    for loaded in (from_raw(Encoded.from_bytes(blob).tensors["x"]), safetensors.torch.load(blob)["x"]):
        assert (loaded.dtype, loaded.shape) == (tensor.dtype, tensor.shape)
        if tensor.numel():
            assert torch.equal(loaded.reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8))


def test_not_a_number_is_a_tensors_business_only() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Encoded("x", math.nan, {}).to_bytes()
    with pytest.raises(ValueError, match="__metadata__"):
        Encoded("x", None, {"__metadata__": RawTensor("U8", (0,), b"")}).to_bytes()


@pytest.mark.parametrize(
    ("dtype", "shape", "size"), [("F32", (2,), 7), ("F31", (2,), 8), ("U8", (-1, -4), 4)]
)
def test_a_tensor_that_cannot_be(dtype: str, shape: tuple[int, ...], size: int) -> None:
    with pytest.raises(ValueError):
        RawTensor(dtype, shape, bytes(size))


def changed(edit: Callable[[dict[str, Any]], object]) -> bytes:
    """The small value with an edited header: x has 3 bytes after y's 4."""
    blob = SMALL.to_bytes()
    (length,) = struct.unpack_from("<Q", blob)
    header = json.loads(blob[8 : 8 + length])
    edit(header)
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + blob[8 + length :]


def framed(head: bytes) -> bytes:
    return struct.pack("<Q", len(head)) + head


REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "half a length": b"\x10\0\0",
    "no header": struct.pack("<Q", 0),
    "a length beyond the file": struct.pack("<Q", 1_000) + b"{}",
    "a huge length": struct.pack("<Q", 2**64 - 1) + b"{}",
    "not text": struct.pack("<Q", 2) + b"\xff\xfe",
    "not an object": struct.pack("<Q", 4) + b"[[]]",
    "deep nesting": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "cut": SMALL.to_bytes()[:-1],
    "a byte too many": SMALL.to_bytes() + b"x",
    "no metadata": changed(lambda h: h.pop("__metadata__")),
    "metadata of another": changed(lambda h: h.update(__metadata__={"format": "pt"})),
    "metadata no text": changed(lambda h: h["__metadata__"].update(sdflow=7)),
    "metadata not JSON": changed(lambda h: h["__metadata__"].update(sdflow="{")),
    "metadata not finite": changed(
        lambda h: h["__metadata__"].update(sdflow='{"kind": "x", "skeleton": NaN}')
    ),
    "metadata deep": changed(lambda h: h["__metadata__"].update(sdflow="[" * 100_000)),
    "no kind": changed(lambda h: h["__metadata__"].update(sdflow='{"skeleton": 1}')),
    "kind no text": changed(lambda h: h["__metadata__"].update(sdflow='{"kind": 1, "skeleton": 1}')),
    "unknown dtype": changed(lambda h: h["x"].update(dtype="F31")),
    "dtype no text": changed(lambda h: h["x"].update(dtype=["U8"])),
    "negative shape": changed(lambda h: h["x"].update(shape=[-1, -3])),
    "huge shape": changed(lambda h: h["x"].update(shape=[2**62, 2**62])),
    "fractional shape": changed(lambda h: h["x"].update(shape=[3.0])),
    "shape of truth values": changed(lambda h: h["x"].update(shape=[True, 3])),
    "shape no list": changed(lambda h: h["x"].update(shape=3)),
    "no shape": changed(lambda h: h["x"].pop("shape")),
    "tensor no object": changed(lambda h: h.update(x=[1])),
    "tensor null": changed(lambda h: h.update(x=None)),
    "overlap": changed(lambda h: h["x"].update(data_offsets=[3, 6])),
    "gap": changed(lambda h: h["y"].update(data_offsets=[1, 5])),
    "beyond the end": changed(lambda h: h["x"].update(data_offsets=[4, 8], shape=[4])),
    "backwards": changed(lambda h: h["x"].update(data_offsets=[7, 4])),
    "negative": changed(lambda h: h["x"].update(data_offsets=[-3, 7])),
    "three offsets": changed(lambda h: h["x"].update(data_offsets=[4, 7, 7])),
    "huge offsets": changed(lambda h: h["x"].update(data_offsets=[4, 10**30])),
    "forgotten bytes": changed(lambda h: h.pop("x")),
    "same name twice": framed(
        b'{"__metadata__":{"sdflow":"{\\"kind\\":\\"x\\",\\"skeleton\\":1}"},"__metadata__":{}}'
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_stored_value_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a stored value"):
        Encoded.from_bytes(REFUSED[name])


@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="not a stored value"):
        Encoded.from_bytes(garbage)


@given(encoded_values, st.data())
def test_a_damaged_file_is_refused_or_well_formed(value: Encoded, data: st.DataObject) -> None:
    """Whether the bytes are the right ones is for the digest to say; reading must not fail otherwise."""
    blob = bytearray(value.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(blob[: data.draw(st.integers(0, len(blob)))])
    for damaged in (bytes(blob), cut):
        try:
            Encoded.from_bytes(damaged)
        except ValueError as error:
            assert "not a stored value" in str(error)  # noqa: PT017  # being read is fine, too


@given(json_values)
def test_a_header_of_any_json_is_refused(header: object) -> None:
    head = json.dumps(header).encode()
    with pytest.raises(ValueError, match="not a stored value"):
        Encoded.from_bytes(struct.pack("<Q", len(head)) + head)
