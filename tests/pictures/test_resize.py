"""Resizing is Pillow's where Pillow can do it, and the size is known beforehand."""

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageOps
from PIL.Image import Resampling

from sdflow.pictures.colour import parse_colour
from sdflow.pictures.resize import FILTERS, Filter, channels_after, resize
from sdflow.pictures.size import FITS, Fit, size_after
from sdflow.pictures.upscale import upscale
from sdflow.problems import UserError
from sdflow.values import Image

RANDOM = np.random.default_rng(1)


def picture(width: int, height: int, channels: int = 3, batch: int = 1) -> Image:
    return Image(RANDOM.integers(0, 256, (batch, height, width, channels)).astype(np.uint8))


def deep(width: int, height: int, channels: int = 3) -> Image:
    return Image(RANDOM.integers(0, 65536, (1, height, width, channels)).astype(np.uint16))


def pil(image: Image, index: int = 0) -> PIL.Image.Image:
    return PIL.Image.fromarray(image.pixels[index])


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("filter_", FILTERS)
def test_stretch_is_pillows_resize_to_the_bit(filter_: Filter, channels: int) -> None:
    image = picture(37, 23, channels, batch=2)
    made = resize(image, 64, 48, filter=filter_)
    for index in range(2):
        expected = pil(image, index).resize((64, 48), Resampling[filter_.upper()])
        assert np.array_equal(made.pixels[index], np.asarray(expected))


def test_the_default_is_what_pillow_does_by_default() -> None:
    image = picture(100, 60)
    assert np.array_equal(resize(image, 768, 512).pixels[0], np.asarray(pil(image).resize((768, 512))))


def test_the_same_size_changes_nothing() -> None:
    image = deep(9, 5, 4)
    assert np.array_equal(resize(image, 9, 5).pixels, image.pixels)


@pytest.mark.parametrize(("width", "height"), [(32, 32), (64, 16), (16, 64), (5, 7)])
def test_cover_crops_the_middle(width: int, height: int) -> None:
    image = picture(40, 24)
    expected = ImageOps.fit(pil(image), (width, height), Resampling.BICUBIC)
    assert np.array_equal(resize(image, width, height, fit="cover").pixels[0], np.asarray(expected))


def test_contain_keeps_proportions() -> None:
    image = picture(400, 200)
    expected = pil(image).resize((100, 50), Resampling.BICUBIC)
    assert np.array_equal(resize(image, 100, 100, fit="contain").pixels[0], np.asarray(expected))


def test_pad_fills_up_with_the_background() -> None:
    image = picture(40, 20)
    made = resize(image, 20, 20, fit="pad", background="#102030").pixels[0]
    assert np.array_equal(made[5:15], np.asarray(pil(image).resize((20, 10), Resampling.BICUBIC)))
    assert (made[:5] == [16, 32, 48]).all()
    assert (made[15:] == [16, 32, 48]).all()


def test_pad_with_a_transparent_background_adds_alpha() -> None:
    made = resize(picture(40, 20), 20, 20, fit="pad", background="transparent").pixels[0]
    assert made.shape[2] == channels_after(3, fit="pad", background="transparent") == 4
    assert (made[5:15, :, 3] == 255).all()
    assert (made[:5] == 0).all()


def test_colours_do_not_bleed_out_of_transparent_pixels() -> None:
    """A fully transparent red beside an opaque blue: between them is see-through blue, not purple."""
    for kind, full in ((np.uint8, 255), (np.uint16, 65535)):
        pixels = np.zeros((1, 8, 8, 4), kind)
        pixels[:, :, :4] = [full, 0, 0, 0]
        pixels[:, :, 4:] = [0, 0, full, full]
        made = resize(Image(pixels), 4, 3, filter="bilinear").pixels[0].astype(float) / full
        visible = made[made[..., 3] > 0.02]
        assert (visible[:, 0] == 0).all()
        assert (visible[:, 2] > 0.9).all()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("filter_", FILTERS)
def test_sixteen_bits_agree_with_eight(filter_: Filter, channels: int) -> None:
    """The same picture at both depths: within a rounding of 8 bits, and finer than these.

    Colours are kept from the ends of the range, where 8 bits clip between the two passes and 16 do not.
    """
    shallow = Image(RANDOM.integers(80, 120, (1, 17, 31, channels)).astype(np.uint8))
    shallow.pixels[..., 3:] += 60
    wide = Image(shallow.pixels.astype(np.uint16) * 257)
    low = resize(shallow, 20, 30, filter=filter_).pixels.astype(float)
    high = resize(wide, 20, 30, filter=filter_).pixels.astype(float) / 257
    assert np.abs(low - high).max() < (1.5 if channels == 3 else 4)
    if filter_ != "nearest":
        assert (high != np.round(high)).any()


def test_sixteen_bits_keep_a_constant_colour() -> None:
    made = resize(Image(np.full((1, 9, 9, 4), 51234, np.uint16)), 40, 3, filter="lanczos")
    assert np.abs(made.pixels.astype(int) - 51234).max() <= 1


@pytest.mark.parametrize(
    ("size", "asked", "expected"),
    [
        ((640, 480), {"width": 320}, (320, 240)),
        ((640, 480), {"height": 240}, (320, 240)),
        ((640, 480), {"scale": 0.5}, (320, 240)),
        ((640, 480), {"scale": 1.1, "multiple_of": 8}, (704, 528)),
        ((641, 481), {"scale": 1, "multiple_of": 8}, (640, 480)),
        ((644, 484), {"scale": 1, "multiple_of": 8}, (648, 488)),
        ((1000, 10), {"width": 10}, (10, 1)),
        ((1000, 10), {"width": 16, "multiple_of": 8}, (16, 8)),
        ((640, 480), {"width": 512, "height": 512}, (512, 512)),
        ((640, 480), {"width": 512, "height": 512, "fit": "cover"}, (512, 512)),
        ((640, 480), {"width": 512, "height": 512, "fit": "pad"}, (512, 512)),
        ((640, 480), {"width": 512, "height": 512, "fit": "contain"}, (512, 384)),
        ((480, 640), {"width": 512, "height": 512, "fit": "contain"}, (384, 512)),
    ],
)
def test_sizes(size: tuple[int, int], asked: dict[str, object], expected: tuple[int, int]) -> None:
    assert size_after(size, **asked) == expected  # type: ignore[arg-type]  # a table of keyword arguments


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"width": 0},
        {"height": -3},
        {"scale": 0},
        {"scale": float("nan")},
        {"scale": float("inf")},
        {"scale": 2, "width": 5},
        {"width": 5, "multiple_of": 0},
        {"width": 1_000_000, "height": 1_000_000},
        {"scale": 1e9},
        {"scale": 1e308},
    ],
)
def test_impossible_sizes(asked: dict[str, object]) -> None:
    with pytest.raises(UserError) as caught:
        size_after((64, 64), **asked)  # type: ignore[arg-type]  # a table of keyword arguments
    assert caught.value.problems[0].code == "SDF347"


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    width=st.integers(1, 50) | st.none(),
    height=st.integers(1, 50) | st.none(),
    multiple_of=st.integers(1, 9),
    fit=st.sampled_from(FITS),
    filter_=st.sampled_from(FILTERS),
    is_deep=st.booleans(),
)
def test_the_size_is_the_planned_one(
    size: tuple[int, int],
    width: int | None,
    height: int | None,
    multiple_of: int,
    fit: Fit,
    filter_: Filter,
    is_deep: bool,
) -> None:
    if width is None and height is None:
        width = 7
    image = (deep if is_deep else picture)(*size)
    made = resize(image, width, height, multiple_of=multiple_of, fit=fit, filter=filter_)
    planned = size_after(size, width, height, multiple_of=multiple_of, fit=fit)
    assert made.pixels.shape == (1, planned[1], planned[0], 3)
    assert made.pixels.dtype == image.pixels.dtype
    assert all(side % multiple_of == 0 for side in planned)


def test_upscale_is_a_resize_by_a_factor() -> None:
    image = picture(10, 6)
    assert np.array_equal(upscale(image, 2.5).pixels, resize(image, 25, 15).pixels)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("#fff", (255, 255, 255, 255)),
        ("#01020304", (1, 2, 3, 4)),
        (" White", (255, 255, 255, 255)),
        ("#A0b1C2", (160, 177, 194, 255)),
    ],
)
def test_colours(text: str, colour: tuple[int, int, int, int]) -> None:
    assert parse_colour(text) == colour


@pytest.mark.parametrize("text", ["", "#12", "#12345", "#gggggg", "whit", "rgb(1,2,3)"])
def test_no_colours(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_colour(text)
    assert caught.value.problems[0].code == "SDF349"
    assert caught.value.problems[0].hint
