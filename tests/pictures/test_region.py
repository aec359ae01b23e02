"""Only what is masked: boxes, crops and pastes are those of diffusers' padding_mask_crop, to the byte."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from sdflow.pictures.mask_changes import adjusted
from sdflow.pictures.region import box_around, crop_to_mask, paste_region
from sdflow.pictures.shapes import draw_shapes
from sdflow.values import Box, Image, Mask, Region

VaeImageProcessor = pytest.importorskip("diffusers.image_processor").VaeImageProcessor
RNG = np.random.default_rng(7)


def photo(width: int, height: int, batch: int = 1, channels: int = 3) -> Image:
    return Image(RNG.integers(0, 256, (batch, height, width, channels), dtype=np.uint8))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_box_is_that_of_diffusers(data: st.DataObject) -> None:
    width, height = (data.draw(st.integers(1, 90)) for _ in range(2))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    wanted = data.draw(st.sampled_from([(64, 64), (96, 64), (64, 128), (200, 8)]))
    padding = data.draw(st.integers(0, 40))
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[top:bottom, left:right] = data.draw(st.integers(1, 255))
    x, y, x2, y2 = VaeImageProcessor.get_crop_region(Pillow.fromarray(mask), *wanted, pad=padding)
    assert box_around(mask, *wanted, padding) == Box(x, y, x2 - x, y2 - y)


CASES = [
    ((120, 90), (50, 40, 70, 55), (64, 64), 8),
    ((120, 90), (0, 0, 30, 20), (64, 64), 4),  # moved back into the picture
    ((40, 120), (5, 5, 35, 50), (128, 64), 2),  # as wide as the picture, and not in proportion
    ((120, 40), (5, 5, 90, 35), (64, 64), 2),
    ((33, 47), (3, 9, 21, 30), (96, 64), 5),
]


@pytest.mark.parametrize(("size", "painted", "wanted", "padding"), CASES)
def test_what_is_cut_out_is_that_of_diffusers(
    size: tuple[int, int], painted: tuple[int, int, int, int], wanted: tuple[int, int], padding: int
) -> None:
    image, mask = photo(*size), adjusted(draw_shapes(*size, rectangle=painted), feather=1.5)
    cropped, masks, region = crop_to_mask(image, mask, *wanted, padding)
    width, height = wanted
    theirs = Pillow.fromarray(mask.pixels[0])
    box = VaeImageProcessor.get_crop_region(theirs, width, height, pad=padding)
    more = {"height": height, "width": width, "resize_mode": "fill", "crops_coords": box}
    pictures = VaeImageProcessor(vae_scale_factor=8)
    painter = VaeImageProcessor(
        vae_scale_factor=8, do_normalize=False, do_binarize=True, do_convert_grayscale=True
    )
    seen = pictures.preprocess(Pillow.fromarray(image.pixels[0]), **more)[0].permute(1, 2, 0).numpy()
    assert (np.round((seen / 2 + 0.5) * 255) == cropped.pixels[0]).all()
    assert ((masks.pixels[0] >= 128) == painter.preprocess(theirs, **more)[0, 0].numpy()).all()
    assert (region.width, region.height) == size


@pytest.mark.parametrize(("size", "painted", "wanted", "padding"), CASES)
def test_what_is_pasted_is_that_of_diffusers(
    size: tuple[int, int], painted: tuple[int, int, int, int], wanted: tuple[int, int], padding: int
) -> None:
    image, mask = photo(*size), draw_shapes(*size, rectangle=painted)
    _, _, region = crop_to_mask(image, mask, *wanted, padding)
    new = photo(*wanted)
    flat, first = Pillow.fromarray(mask.pixels[0]), Pillow.fromarray(image.pixels[0])
    box = VaeImageProcessor.get_crop_region(flat, *wanted, pad=padding)
    theirs = VaeImageProcessor().apply_overlay(flat, first, Pillow.fromarray(new.pixels[0]), box)
    assert (paste_region(image, new, region, mask).pixels[0] == np.asarray(theirs)).all()
    # Where a mask is soft, diffusers rounds four times, through premultiplied colours; this rounds once.
    soft = adjusted(mask, feather=2)
    box = VaeImageProcessor.get_crop_region(Pillow.fromarray(soft.pixels[0]), *wanted, pad=padding)
    theirs = VaeImageProcessor().apply_overlay(
        Pillow.fromarray(soft.pixels[0]), first, Pillow.fromarray(new.pixels[0]), box
    )
    _, _, region = crop_to_mask(image, soft, *wanted, padding)
    made = paste_region(image, new, region, soft).pixels[0]
    inside = soft.pixels[0] > 0
    assert np.abs(made.astype(int) - np.asarray(theirs))[inside].max() <= 3
    assert (made[~inside] == image.pixels[0][~inside]).all()


def test_a_black_mask_gives_the_whole_picture() -> None:
    image = photo(30, 20)
    cropped, masks, region = crop_to_mask(image, Mask(np.zeros((1, 20, 30), dtype=np.uint8)), 60, 40, 8)
    assert region.boxes == (Box(0, 0, 30, 20),)
    assert cropped.pixels.shape == (1, 40, 60, 3)
    assert not masks.pixels.any()


def test_batches_item_by_item_and_one_for_all() -> None:
    image = photo(60, 60, batch=2, channels=4)
    masks = Mask(
        np.concatenate([draw_shapes(60, 60, rectangle=(x, x, x + 9, x + 9)).pixels for x in (5, 40)])
    )
    cropped, parts, region = crop_to_mask(image, masks, 32, 32, 4)
    assert len(region.boxes) == 2
    new = photo(32, 32, batch=2)
    pasted = paste_region(image, new, region, masks).pixels
    for index in range(2):
        one, mask = Image(image.pixels[index, None]), Mask(masks.pixels[index, None])
        alone, part, place = crop_to_mask(one, mask, 32, 32, 4)
        assert (alone.pixels[0] == cropped.pixels[index]).all()
        assert (part.pixels[0] == parts.pixels[index]).all()
        back = paste_region(one, Image(new.pixels[index, None]), place, mask)
        assert (back.pixels[0] == pasted[index]).all()
    one_mask = Mask(masks.pixels[:1])
    cropped, parts, region = crop_to_mask(image, one_mask, 32, 32, 4)
    assert (len(cropped.pixels), len(parts.pixels), len(region.boxes)) == (2, 1, 1)
    assert len(paste_region(Image(image.pixels[:1]), new, region, one_mask).pixels) == 2


def test_a_region_equals_its_round_trip() -> None:
    region = Region((Box(1, 2, 3, 4), Box(5, 6, 7, 8)), 60, 40)
    assert Region.decode(region.encode()) == region
    assert all(isinstance(box, Box) for box in Region.decode(region.encode()).boxes)
