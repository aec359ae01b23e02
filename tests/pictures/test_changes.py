"""Pictures changed: larger canvases, fillings, turns, blur, tone, few colours, colours of others."""

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageFilter

from sdflow.pictures.effects import adjust, blur, quantize, sharpen
from sdflow.pictures.enlarge import Edge, Sides, enlarge, new_part
from sdflow.pictures.fill import Filling, filled
from sdflow.pictures.items import image_of
from sdflow.pictures.lab import lab_of, rgb_of
from sdflow.pictures.match_colour import Method, match_colour
from sdflow.pictures.shapes import draw_shapes
from sdflow.pictures.turn import flip, turn, turned_size
from sdflow.values import Image, Mask

RNG = np.random.default_rng(9)
SIDES = Sides(3, 1, 4, 2)


def photo(width: int = 17, height: int = 12, channels: int = 3, batch: int = 1, bits: int = 8) -> Image:
    pixels = RNG.integers(0, 2**bits, (batch, height, width, channels)).astype(f"uint{bits}")
    return image_of(list(pixels))


def smooth(width: int = 64, height: int = 48) -> Image:
    y, x = np.mgrid[:height, :width]
    return Image(np.stack([x * 3, y * 4, x + y], axis=-1).astype(np.uint8)[None])


@pytest.mark.parametrize("fill", ["blur", "edge", "reflect", "noise", "colour"])
@pytest.mark.parametrize(("channels", "bits"), [(3, 8), (4, 8), (3, 16)])
def test_a_larger_canvas_keeps_the_picture(fill: Edge, channels: int, bits: int) -> None:
    image = photo(channels=channels, bits=bits, batch=2)
    made = enlarge(image, SIDES, fill=fill, seeds=(1, 2)).pixels
    assert made.shape == (2, 15, 24, channels)
    assert made.dtype == image.pixels.dtype
    assert (made[:, 1:13, 3:20] == image.pixels).all()
    alone = enlarge(Image(image.pixels[1:]), SIDES, fill=fill, seeds=(2,)).pixels
    assert (made[1] == alone[0]).all()


def test_edges_are_repeated_mirrored_or_coloured() -> None:
    image = photo()
    assert (enlarge(image, SIDES, fill="edge").pixels[0, 5, :3] == image.pixels[0, 4, 0]).all()
    assert (enlarge(image, SIDES, fill="reflect").pixels[0, 5, 2] == image.pixels[0, 4, 1]).all()
    red = enlarge(image, SIDES, fill="colour", colour="red").pixels
    assert red[0, 0, 0].tolist() == [255, 0, 0]
    clear = enlarge(image, SIDES, fill="colour", colour="transparent").pixels
    assert clear[0, 0, 0].tolist() == [0, 0, 0, 0]
    assert (clear[0, 1:13, 3:20, 3] == 255).all()


def test_the_mask_of_what_is_new_overlaps_and_fades() -> None:
    hard = new_part(SIDES, 17, 12).pixels[0]
    assert not hard[1:13, 3:20].any()
    assert (hard == 255).sum() == 15 * 24 - 17 * 12
    row = new_part(Sides(left=2), 10, 1, overlap=2, feather=4).pixels[0, 0]
    assert row.tolist() == [255, 255, 255, 255, 223, 159, 96, 32, 0, 0, 0, 0]
    assert not new_part(Sides(left=2), 10, 1, overlap=2).pixels[0, 0, 4:].any()


@pytest.mark.parametrize("fill", ["blur", "noise", "colour"])
def test_what_is_not_masked_keeps_its_bytes(fill: Filling) -> None:
    image, mask = photo(40, 30, channels=4), draw_shapes(40, 30, ellipse=(5, 5, 30, 25))
    made = filled(image, mask, fill=fill, seeds=(3,)).pixels
    inside = mask.pixels > 0
    assert (made[~inside] == image.pixels[~inside]).all()
    assert (made[inside] != image.pixels[inside]).any(axis=-1).mean() > 0.9


def test_a_filling_goes_on_from_what_lies_around() -> None:
    image, mask = smooth(), draw_shapes(64, 48, rectangle=(20, 16, 44, 32))
    spoilt = Image(np.where(mask.pixels[..., None] > 0, np.uint8(255), image.pixels))
    found = filled(spoilt, mask).pixels.astype(int)
    assert np.abs(found - image.pixels).max() < 30
    assert (filled(spoilt, Mask(np.full((1, 48, 64), 255, dtype=np.uint8))).pixels == 128).all()
    corner = Mask(np.full((1, 48, 64), 255, dtype=np.uint8))
    corner.pixels[0, 0, 0] = 0
    white = Image(np.full((1, 48, 64, 3), 255, dtype=np.uint8))
    assert (filled(white, corner).pixels == 255).all(), "one known pixel is enough"


def test_noise_is_that_of_its_seed() -> None:
    image, mask = photo(), Mask(np.full((1, 12, 17), 255, dtype=np.uint8))
    one, other, again = (filled(image, mask, fill="noise", seeds=(seed,)).pixels for seed in (1, 2**40, 1))
    assert (one == again).all()
    assert (one != other).mean() > 0.9


@pytest.mark.parametrize("bits", [8, 16])
def test_flips_and_quarters_move_pixels(bits: int) -> None:
    image = photo(bits=bits, channels=4)
    assert (flip(flip(image, "horizontal"), "vertical").pixels == flip(image, "both").pixels).all()
    assert (turn(image, 180).pixels == flip(image, "both").pixels).all()
    assert (turn(image, -90).pixels == turn(image, 270).pixels).all()
    clockwise = turn(image, 90).pixels
    assert (clockwise[0, 0, -1] == image.pixels[0, 0, 0]).all(), "the left top corner goes to the right"
    assert turned_size((17, 12), 90, expand=True) == (12, 17)
    assert (turn(turn(image, 90), 270).pixels == image.pixels).all()


@pytest.mark.parametrize("angle", [1, 30, 45, 89.5, 91, 135, 200, 333.3, -17])
@pytest.mark.parametrize("size", [(17, 12), (40, 41), (1, 30)])
def test_other_angles_have_the_size_that_was_told(angle: float, size: tuple[int, int]) -> None:
    for expand in (True, False):
        turned = turn(photo(*size), angle, expand=expand).pixels
        assert turned.shape[1:3][::-1] == turned_size(size, angle, expand=expand)


def test_corners_are_of_the_background() -> None:
    white = Image(np.full((1, 40, 40, 3), 255, dtype=np.uint8))
    assert turn(white, 45, background="red").pixels[0, 0, 0].tolist() == [255, 0, 0]
    clear = turn(white, 45, background="transparent").pixels
    assert clear[0, 0, 0, 3] == 0
    assert clear[0, 28, 28].tolist() == [255, 255, 255, 255]
    assert turn(white, 45).pixels.shape[3] == 3


def test_filters_are_pillows() -> None:
    image = photo()
    flat = Pillow.fromarray(image.pixels[0])
    pairs = [
        (blur(image, 3), flat.filter(ImageFilter.GaussianBlur(3))),
        (blur(image, 2, "box"), flat.filter(ImageFilter.BoxBlur(2))),
        (blur(image, 1, "median"), flat.filter(ImageFilter.MedianFilter(3))),
        (sharpen(image, radius=3, amount=2, threshold=1), flat.filter(ImageFilter.UnsharpMask(3, 200, 1))),
        (adjust(image, brightness=1.3), ImageEnhance.Brightness(flat).enhance(1.3)),
        (adjust(image, contrast=0.7), ImageEnhance.Contrast(flat).enhance(0.7)),
        (adjust(image, saturation=0), flat.convert("L").convert("RGB")),
        (adjust(image), flat),
    ]
    for ours, theirs in pairs:
        assert (ours.pixels[0] == np.asarray(theirs)).all()


def test_gamma_lightens_middle_tones_and_leaves_the_ends() -> None:
    ramp = Image(np.repeat(np.arange(256, dtype=np.uint8)[None, None, :, None], 3, axis=-1))
    lighter = adjust(ramp, gamma=2.2).pixels[0, 0, :, 0]
    assert (lighter[0], lighter[255], lighter[128]) == (0, 255, round(255 * (128 / 255) ** (1 / 2.2)))
    assert (adjust(ramp, invert=True).pixels == 255 - ramp.pixels).all()


def test_a_blur_of_transparent_pictures_takes_no_colour_from_nothing() -> None:
    pixels = np.zeros((1, 20, 20, 4), dtype=np.uint8)
    pixels[0, :, :10] = (255, 0, 0, 255)
    pixels[0, :, 10:, 1] = 255  # green that nobody sees
    made = blur(Image(pixels), 2).pixels[0]
    seen = made[..., 3] > 8
    assert made[seen][..., 1].max() == 0


@pytest.mark.parametrize("dither", [True, False])
def test_few_colours(dither: bool) -> None:  # a table
    image = smooth()
    made = quantize(image, colours=8, dither=dither).pixels
    assert 2 <= len(np.unique(made.reshape(-1, 3), axis=0)) <= 8
    two = quantize(image, palette=[(0, 0, 0, 255), (255, 255, 255, 255)], dither=dither).pixels
    assert {tuple(colour) for colour in np.unique(two.reshape(-1, 3), axis=0)} == {
        (0, 0, 0),
        (255, 255, 255),
    }


def test_lab_is_that_of_the_standard_and_goes_back() -> None:
    red = lab_of(np.array([1.0, 0.0, 0.0]))
    assert red == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert lab_of(np.array([1.0, 1.0, 1.0])) == pytest.approx([100, 0, 0], abs=1e-6)
    rgb = RNG.random((50, 3))
    assert rgb_of(lab_of(rgb)) == pytest.approx(rgb, abs=1e-9)


@pytest.mark.parametrize("method", ["mean-std", "histogram"])
def test_colours_of_another_picture(method: Method) -> None:
    image = Image(RNG.integers(90, 160, (1, 40, 30, 4), dtype=np.uint8))
    reference = Image(RNG.integers((60, 90, 40), (150, 180, 110), (1, 25, 35, 3), dtype=np.uint8))
    made = match_colour(image, reference, method=method)
    ours, theirs = (lab_of(it.pixels[..., :3].reshape(-1, 3) / 255) for it in (made, reference))
    assert ours.mean(axis=0) == pytest.approx(theirs.mean(axis=0), abs=0.8)
    assert ours.std(axis=0) == pytest.approx(theirs.std(axis=0), rel=0.05)
    assert (made.pixels[..., 3] == image.pixels[..., 3]).all()
    assert (match_colour(image, reference, method=method, strength=0).pixels == image.pixels).all()
    itself = match_colour(image, image, method=method).pixels.astype(int)
    assert np.abs(itself - image.pixels).max() <= 1


def test_one_grey_has_no_spread() -> None:
    grey = Image(np.full((1, 5, 5, 3), 100, dtype=np.uint8))
    made = match_colour(grey, photo()).pixels
    assert len(np.unique(made.reshape(-1, 3), axis=0)) == 1
