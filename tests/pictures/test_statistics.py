"""What is shown of a value is what numpy computes from it."""

import struct

import numpy as np
import pytest

from sdflow.pictures.pil import from_pil, to_pil
from sdflow.pictures.statistics import image_lines, tensor_lines, to_array
from sdflow.values import Encoded, Image, RawTensor


def raw(dtype: str, array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> RawTensor:
    return RawTensor(dtype, tuple(array.shape), array.tobytes())


def test_an_image_by_channel() -> None:
    pixels = np.zeros((2, 4, 5, 4), np.uint8)
    pixels[..., 1] = 10
    pixels[0, ..., 2] = 200
    pixels[..., 3] = 255
    assert [" ".join(line.split()) for line in image_lines(Image(pixels))] == [
        "2 × 5×4 pixels, RGBA, 8 bits",
        "red min 0 max 0 mean 0 std 0",
        "green min 10 max 10 mean 10 std 0",
        "blue min 0 max 200 mean 100 std 100",
        "alpha min 255 max 255 mean 255 std 0",
    ]


def test_a_deep_image() -> None:
    assert image_lines(Image(np.zeros((1, 2, 3, 3), np.uint16)))[0] == "3×2 pixels, RGB, 16 bits"


def test_tensors_by_name_and_a_latent_by_channel() -> None:
    samples = np.stack([np.full((2, 2), value, np.float32) for value in (1, -2, 3, 0)])[None]
    encoded = Encoded(
        "Latent", {}, {"samples": raw("F32", samples), "streams": raw("U8", np.zeros((1, 3), np.uint8))}
    )
    assert [" ".join(line.split()) for line in tensor_lines(encoded)] == [
        "samples F32 1×4×2×2 min -2 max 3 mean 0.5 std 1.803",
        "channel 0 min 1 max 1 mean 1 std 0",
        "channel 1 min -2 max -2 mean -2 std 0",
        "channel 2 min 3 max 3 mean 3 std 0",
        "channel 3 min 0 max 0 mean 0 std 0",
        "streams U8 1×3 min 0 max 0 mean 0 std 0",
    ]


@pytest.mark.parametrize("value", [0.0, 1.0, -1.5, 3.140625, 2.0**100, -(2.0**-100)])
def test_bfloat16(value: float) -> None:
    upper = struct.pack("<f", value)[2:]
    assert to_array(RawTensor("BF16", (1,), upper))[0] == value


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("F64", "f8"),
        ("F32", "f4"),
        ("F16", "f2"),
        ("I64", "i8"),
        ("I32", "i4"),
        ("I16", "i2"),
        ("I8", "i1"),
        ("U8", "u1"),
        ("U16", "u2"),
        ("BOOL", "?"),
    ],
)
def test_every_dtype(dtype: str, kind: str) -> None:
    array = np.array([[0, 1, 1]], dtype=kind)
    assert np.array_equal(to_array(raw(dtype, array)), array)


def test_what_is_not_finite_is_counted() -> None:
    array = np.array([1, np.nan, np.inf, 3], np.float32)
    (line,) = tensor_lines(Encoded("Other", {}, {"a": raw("F32", array)}))
    assert line.endswith("2 not finite")
    assert "mean         2" in line
    (line,) = tensor_lines(Encoded("Other", {}, {"a": raw("F32", array[1:3])}))
    assert line.endswith("no finite values")
    (line,) = tensor_lines(Encoded("Other", {}, {"a": raw("F32", array[:0])}))
    assert line.endswith("empty")


@pytest.mark.parametrize("channels", [3, 4])
def test_pictures_go_to_pillow_and_back(channels: int) -> None:
    image = Image(np.arange(2 * 3 * 4 * channels, dtype=np.uint8).reshape(2, 3, 4, channels))
    assert to_pil(image, 1).mode == ("RGB" if channels == 3 else "RGBA")
    assert np.array_equal(from_pil(to_pil(image, 1)).pixels[0], image.pixels[1])


def test_sixteen_bits_go_to_pillow_rounded() -> None:
    values = np.array([[[[0, 128, 129], [65535, 65407, 65406]]]], np.uint16)
    assert np.asarray(to_pil(Image(values))).tolist() == [[[0, 0, 1], [255, 255, 254]]]


def test_a_batch_has_no_further_item() -> None:
    with pytest.raises(IndexError):
        to_pil(Image(np.zeros((1, 2, 2, 3), np.uint8)), 1)
