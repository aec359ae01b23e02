"""Masks: shapes, thresholds, growth, feathering, combinations, colours."""

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from sdflow.pictures.items import image_of
from sdflow.pictures.mask_changes import Combination, adjusted, combined, mask_of_colour, with_alpha
from sdflow.pictures.shapes import draw_shapes
from sdflow.values import Image, Mask


def grey(*rows: list[int]) -> Mask:
    return Mask(np.array(rows, dtype=np.uint8)[None])


def dot(side: int = 21) -> Mask:
    pixels = np.zeros((1, side, side), dtype=np.uint8)
    pixels[0, side // 2, side // 2] = 255
    return Mask(pixels)


def test_a_rectangle_covers_the_pixels_whose_middles_it_holds() -> None:
    drawn = draw_shapes(6, 4, rectangle=(1, 1, 4, 3)).pixels[0]
    assert drawn.sum() == 255 * 6
    assert (drawn[1:3, 1:4] == 255).all()
    assert draw_shapes(6, 4, rectangle=(1.4, 1.4, 3.6, 3.4)).pixels.sum() == 255 * 6
    assert draw_shapes(6, 4, rectangle=(-5, -5, 50, 50)).pixels.all()


def test_an_ellipse_has_its_area_and_touches_its_box() -> None:
    drawn = draw_shapes(100, 60, ellipse=(10, 10, 90, 50)).pixels[0] > 0
    assert drawn.sum() == pytest.approx(np.pi * 40 * 20, rel=0.01)
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    assert (columns[0], columns[-1], rows[0], rows[-1]) == (10, 89, 10, 49)
    assert (drawn == drawn[::-1, ::-1]).all()


def test_a_polygon_has_its_area_and_shapes_add_up() -> None:
    triangle = draw_shapes(100, 100, polygon=[(10, 10), (90, 10), (10, 90)]).pixels[0] > 0
    assert triangle.sum() == pytest.approx(3200, rel=0.03)
    both = draw_shapes(100, 100, polygon=[(10, 10), (90, 10), (10, 90)], rectangle=(60, 60, 100, 100))
    assert (both.pixels[0] > 0).sum() == triangle.sum() + 1600


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_a_dot_grows_to_something_round_and_a_hole_closes_as_much(count: int) -> None:
    grown = adjusted(dot(), grow=count).pixels[0]
    y, x = np.mgrid[-10:11, -10:11]
    away = np.hypot(x, y)
    assert (grown[away <= count] == 255).all()
    assert not grown[away > count * 1.12 + 0.5].any()
    assert (adjusted(Mask(255 - dot().pixels), grow=-count).pixels[0] == 255 - grown).all()


def test_shrinking_undoes_growth_of_a_square() -> None:
    square = draw_shapes(40, 40, rectangle=(10, 10, 30, 30))
    assert (adjusted(adjusted(square, grow=4), grow=-4).pixels == square.pixels).all()
    edge = draw_shapes(40, 40, rectangle=(0, 0, 40, 20))
    assert (adjusted(edge, grow=-3).pixels == draw_shapes(40, 40, rectangle=(0, 0, 40, 17)).pixels).all()


def test_feathering_is_pillows_and_diffusers_blur() -> None:
    square = draw_shapes(40, 40, rectangle=(10, 10, 30, 30))
    theirs = Pillow.fromarray(square.pixels[0]).filter(ImageFilter.GaussianBlur(4))
    assert (adjusted(square, feather=4).pixels[0] == np.asarray(theirs)).all()
    processor = pytest.importorskip("diffusers.image_processor").VaeImageProcessor
    blurred = processor.blur(Pillow.fromarray(square.pixels[0]), blur_factor=4)
    assert (adjusted(square, feather=4).pixels[0] == np.asarray(blurred)).all()


def test_the_order_is_threshold_invert_grow_feather() -> None:
    mask = grey([0, 100, 127, 128, 255])
    assert adjusted(mask, threshold=128).pixels.tolist() == [[[0, 0, 0, 255, 255]]]
    assert adjusted(mask, threshold=128, invert=True).pixels.tolist() == [[[255, 255, 255, 0, 0]]]
    assert adjusted(mask, threshold=128, invert=True, grow=1).pixels.tolist() == [[[255, 255, 255, 255, 0]]]
    assert adjusted(mask).pixels.tolist() == mask.pixels.tolist()


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("union", [0, 255, 255, 200]),
        ("intersection", [0, 0, 255, 100]),
        ("difference", [0, 255, 0, 100]),
        ("exclusive", [0, 255, 0, 100]),
    ],
)
def test_combinations(how: Combination, wanted: list[int]) -> None:
    one, other = grey([0, 255, 255, 100]), grey([0, 0, 255, 200])
    found = combined([one, other], how).pixels.tolist()
    assert found == [[[*wanted[:3], 55 if how == "difference" else wanted[3]]]]


def test_the_rest_of_three() -> None:
    masks = [grey([255, 255, 255]), grey([0, 255, 0]), grey([0, 0, 255])]
    assert combined(masks, "difference").pixels.tolist() == [[[255, 0, 0]]]


def test_one_mask_serves_a_batch() -> None:
    batch = Mask(np.concatenate([grey([0, 255]).pixels, grey([255, 0]).pixels]))
    assert combined([batch, grey([255, 255])], "intersection").pixels.tolist() == batch.pixels.tolist()
    assert combined([grey([0, 255]), batch], "union").pixels.tolist() == [[[0, 255]], [[255, 255]]]


def test_a_colour_within_a_tolerance() -> None:
    image = Image(np.array([[[[250, 5, 0], [230, 0, 0], [255, 0, 30]]]], dtype=np.uint8))
    assert mask_of_colour(image, (255, 0, 0), 16).pixels.tolist() == [[[255, 0, 0]]]
    assert mask_of_colour(image, (255, 0, 0), 30).pixels.tolist() == [[[255, 255, 255]]]
    assert mask_of_colour(image, (255, 0, 0), 16, invert=True).pixels.tolist() == [[[0, 255, 255]]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_mask_becomes_transparency(dtype: type[np.uint8] | type[np.uint16]) -> None:
    image = image_of([np.full((1, 2, 3), 7, dtype=dtype)])
    made = with_alpha(image, Mask(np.array([[[0, 255]], [[128, 1]]], dtype=np.uint8)))
    full = 255 if dtype is np.uint8 else 65535
    assert made.pixels[..., 3].tolist() == [[[0, full]], [[128 * (full // 255), full // 255]]]
    assert (made.pixels[..., :3] == 7).all()
