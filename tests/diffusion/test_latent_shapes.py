"""Latents cut, turned, stacked, blended; noise varied as A1111 does it: each against its definition in numpy."""

import math
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch

from sdflow.diffusion.latent_shapes import (
    composited,
    cropped,
    feathered,
    flipped,
    rotated,
    share_of_mask,
    stacked,
    taken,
)
from sdflow.diffusion.noises import blended, noised, slerp, varied
from sdflow.diffusion.streams import draw, streams_from_seeds
from sdflow.values import CLEAN, NOISE, Latent
from tests.diffusion.reference import SPACE

Array: TypeAlias = "np.ndarray[Any, Any]"


def drawn(*seeds: int, height: int = 6, width: int = 8, clean: bool = True) -> Latent:
    samples, streams = draw(streams_from_seeds(seeds), (4, height, width))
    return Latent(samples, streams, SPACE, CLEAN if clean else NOISE)


def test_a_crop_is_a_slice() -> None:
    latent = drawn(1, 2)
    made = cropped(latent, left=2, top=1, width=5, height=3)
    assert torch.equal(made.samples, latent.samples[:, :, 1:4, 2:7])
    assert made.samples.is_contiguous()
    assert torch.equal(made.streams, latent.streams)


@pytest.mark.parametrize(("rows", "columns"), [(True, False), (False, True), (True, True)])
def test_a_flip_is_numpys(rows: bool, columns: bool) -> None:
    latent = drawn(1)
    axes = tuple(axis for axis, wanted in ((2, rows), (3, columns)) if wanted)
    made = flipped(latent, rows=rows, columns=columns).samples
    assert np.array_equal(made.numpy(), np.flip(latent.samples.numpy(), axes))


def test_turning_is_clockwise_as_pillow_turns() -> None:
    from PIL import Image as Pillow

    values = torch.arange(24, dtype=torch.float32).reshape(1, 1, 4, 6).repeat(1, 4, 1, 1)
    latent = Latent(values, drawn(1).streams, SPACE, CLEAN)
    picture = Pillow.fromarray(values[0, 0].numpy().astype(np.uint8))
    for quarters, how in ((1, Pillow.Transpose.ROTATE_270), (2, Pillow.Transpose.ROTATE_180)):
        made = rotated(latent, quarters).samples[0, 0].numpy()
        assert np.array_equal(made, np.asarray(picture.transpose(how), dtype=np.float32))
    assert torch.equal(rotated(rotated(latent, 3), 1).samples, values)


def test_a_stack_taken_apart_is_what_it_was_with_its_streams() -> None:
    one, two = drawn(1, 2), drawn(3)
    whole = stacked((one, two))
    assert whole.samples.shape[0] == 3
    back = taken(whole, (2, 0, 0))
    assert torch.equal(back.samples, torch.cat([two.samples, one.samples[:1], one.samples[:1]]))
    assert torch.equal(back.streams, torch.stack([two.streams[0], one.streams[0], one.streams[0]]))


def test_what_is_laid_on_is_there_to_the_bit_and_the_rest_is_as_it_was() -> None:
    onto, over = drawn(1, 2), drawn(3, height=3, width=4)
    made = composited(onto, over, left=2, top=1, share=torch.ones(3, 4)).samples
    expected = onto.samples.clone()
    expected[:, :, 1:4, 2:6] = over.samples
    assert torch.equal(made, expected)
    nothing = composited(onto, over, left=2, top=1, share=torch.zeros(3, 4)).samples
    assert torch.equal(nothing, onto.samples)


def test_feathers_rise_from_the_sides_that_are_not_the_pictures() -> None:
    share = feathered(4, 6, 2, sides=(False, False, True, False))
    row = [1 / 3, 2 / 3, 1, 1, 1, 1]
    assert np.allclose(share.numpy(), [row] * 4)
    both = feathered(4, 6, 1, sides=(True, True, True, True)).numpy()
    assert both[0, 0] == pytest.approx(0.25)
    assert both[1, 1] == 1.0


def test_a_feather_mixes_linearly() -> None:
    onto, over = drawn(1), drawn(3)
    share = feathered(6, 8, 3, sides=(True, True, True, True))
    made = composited(onto, over, left=0, top=0, share=share).samples.numpy()
    expected = onto.samples.numpy() * (1 - share.numpy()) + over.samples.numpy() * share.numpy()
    assert np.allclose(made, expected, atol=1e-6)


def test_a_mask_counts_by_the_mean_of_its_pixels() -> None:
    mask = np.zeros((4, 4), dtype=np.uint8)
    mask[:, 0] = 255
    assert np.allclose(share_of_mask(mask, 2, 2).numpy(), [[0.5, 0.0], [0.5, 0.0]])


def by_hand(low: Array, high: Array, weight: float) -> Array:
    """Shoemake's formula, column by column of each channel."""
    made = np.empty_like(low)
    batch, channels, _, width = low.shape
    for item in range(batch):
        for channel in range(channels):
            for column in range(width):
                one, two = low[item, channel, :, column], high[item, channel, :, column]
                cosine = float(one @ two / np.linalg.norm(one) / np.linalg.norm(two))
                angle = math.acos(cosine)
                made[item, channel, :, column] = (
                    math.sin((1 - weight) * angle) * one + math.sin(weight * angle) * two
                ) / math.sin(angle)
    return made


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_slerp_is_its_formula(weight: float) -> None:
    low, high = drawn(1, 2, height=16).samples, drawn(3, 4, height=16).samples
    made = slerp(low, high, weight).numpy()
    expected = by_hand(low.double().numpy(), high.double().numpy(), weight)
    assert np.allclose(made, expected, atol=2e-6)


def test_varied_noise_is_still_noise_and_a_straight_line_is_not() -> None:
    latent, other = drawn(1, height=64, width=64, clean=False), drawn(9, height=64, width=64)
    made = varied(latent, (9,), 0.5)
    assert abs(float(made.samples.std()) - 1) < 0.02
    assert torch.equal(made.samples, blended(latent, other, 0.5, spherical=True).samples)
    assert float(blended(latent, other, 0.5, spherical=False).samples.std()) < 0.75
    assert torch.equal(made.streams, latent.streams)


def test_nothing_of_another_seed_is_the_noise_itself_and_columns_that_are_alike_stay() -> None:
    latent = drawn(1, clean=False)
    assert torch.allclose(varied(latent, (9,), 0.0).samples, latent.samples, atol=1e-6)
    assert torch.allclose(varied(latent, (1,), 0.5).samples, latent.samples, atol=1e-6)
    empty = torch.zeros(1, 4, 6, 8)
    assert torch.equal(slerp(empty, empty, 0.5), empty)


def test_noise_is_added_at_its_strength() -> None:
    latent = drawn(1, 2)
    made = noised(latent, (5, 6), 0.25)
    noise = torch.cat([torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(s)) for s in (5, 6)])
    assert torch.equal(made.samples, latent.samples + 0.25 * noise)
