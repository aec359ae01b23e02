"""Pictures over pictures: bytes that stay, Pillow's own results, transparency, 16 bits."""

from itertools import product

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageChops

from sdflow.pictures.composite import Mode, composite
from sdflow.pictures.items import image_of
from sdflow.values import Image, Mask

RNG = np.random.default_rng(5)


def picture(*shape: int, bits: int = 8) -> Image:
    return image_of(list(RNG.integers(0, 2**bits, shape).astype(f"uint{bits}")))


def test_where_the_mask_is_black_every_byte_stays_and_where_it_is_white_it_is_the_other() -> None:
    for bits, channels in product((8, 16), (3, 4)):
        below, above = picture(1, 40, 40, channels, bits=bits), picture(1, 40, 40, 3, bits=bits)
        mask = Mask(RNG.choice([0, 1, 128, 255], (1, 40, 40)).astype(np.uint8))
        made = composite(below, above, mask).pixels
        assert (made[mask.pixels == 0] == below.pixels[mask.pixels == 0]).all()
        assert (made[mask.pixels == 255][..., :3] == above.pixels[mask.pixels == 255]).all()
        half = (mask.pixels == 128) & (channels == 3)
        exact = (below.pixels * (127 / 255) + above.pixels[..., :3] * (128 / 255))[half] if half.any() else 0
        assert np.abs(made[half] - exact).max(initial=0) <= 0.5 + 1e-6


def test_transparent_pictures_are_pillows_alpha_composite() -> None:
    below, above = picture(1, 50, 50, 4), picture(1, 50, 50, 4)
    theirs = Pillow.alpha_composite(*(Pillow.fromarray(it.pixels[0]) for it in (below, above)))
    made = composite(below, above).pixels[0].astype(int)
    assert np.abs(made - np.asarray(theirs)).max() <= 1


@pytest.mark.parametrize(
    ("mode", "theirs"),
    [
        ("multiply", ImageChops.multiply),
        ("screen", ImageChops.screen),
        ("overlay", ImageChops.overlay),
        ("soft-light", ImageChops.soft_light),
        ("hard-light", ImageChops.hard_light),
        ("darken", ImageChops.darker),
        ("lighten", ImageChops.lighter),
        ("difference", ImageChops.difference),
        ("add", ImageChops.add),
        ("subtract", ImageChops.subtract),
    ],
)
def test_modes_are_pillows(mode: Mode, theirs: object) -> None:
    below, above = picture(1, 9, 9, 3), picture(1, 9, 9, 3)
    mixed = theirs(*(Pillow.fromarray(it.pixels[0]) for it in (below, above)))  # type: ignore[operator]  # of Pillow
    assert (composite(below, above, mode=mode).pixels[0] == np.asarray(mixed)).all()
    half = composite(below, above, mode=mode, opacity=0.5).pixels[0].astype(float)
    assert np.abs(half - (below.pixels[0] / 2 + np.asarray(mixed) / 2)).max() <= 0.5


@pytest.mark.parametrize(("left", "top"), [(0, 0), (3, 2), (-2, -3), (8, 8), (-4, 9)])
def test_positions(left: int, top: int) -> None:
    below, above = picture(1, 10, 12, 3), picture(1, 5, 6, 3)
    canvas = Pillow.fromarray(below.pixels[0].copy())
    canvas.paste(Pillow.fromarray(above.pixels[0]), (left, top))
    assert (composite(below, above, left=left, top=top).pixels[0] == np.asarray(canvas)).all()


def test_batches_item_by_item_and_one_for_all() -> None:
    below, above = picture(1, 4, 4, 3), picture(3, 4, 4, 3)
    masks = Mask(RNG.integers(0, 256, (3, 4, 4), dtype=np.uint8))
    together = composite(below, above, masks).pixels
    for index in range(3):
        alone = composite(below, Image(above.pixels[index, None]), Mask(masks.pixels[index, None]))
        assert (together[index] == alone.pixels[0]).all()


def test_an_upper_picture_of_another_depth() -> None:
    deep, flat = picture(1, 4, 4, 3, bits=16), picture(1, 4, 4, 3)
    assert (composite(deep, flat).pixels == flat.pixels.astype(np.uint16) * 257).all()
    assert composite(flat, deep).pixels.dtype == np.uint8
