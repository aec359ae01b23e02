"""PSNR and SSIM against scikit-image 0.26, whose numbers stand here; it is no dependency."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from sdflow.pictures.likeness import difference_map, psnr, ssim

Pixels = npt.NDArray[np.uint8]


def gradients(height: int = 40, width: int = 48) -> Pixels:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x * 5) % 256, (y * 7) % 256, (x * y // 3) % 256], -1).astype(np.uint8)


def shifted() -> Pixels:
    y, x = np.mgrid[0:40, 0:48]
    return np.stack([(x * 5 + y) % 256, (y * 7) % 256, (x * y // 3 + 9) % 256], -1).astype(np.uint8)


def brighter() -> Pixels:
    return (gradients().astype(int) + 12).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("other", "ratio", "structure"),
    [
        (shifted(), 18.608423696010796, 0.947634940104987),
        (255 - gradients(), 4.420849897295797, -0.3877110307643368),
        (brighter(), 26.613695693890577, 0.988369599188939),
    ],
)
def test_known_numbers(other: Pixels, ratio: float, structure: float) -> None:
    """`structural_similarity(…, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)`."""
    assert psnr(gradients(), other) == pytest.approx(ratio, abs=1e-9)
    assert ssim(gradients(), other) == pytest.approx(structure, abs=1e-9)


def test_equal_pictures() -> None:
    assert psnr(gradients(), gradients()) == math.inf
    assert ssim(gradients(), gradients()) == pytest.approx(1)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 30), (10, 11), (11, 11)])
def test_small_pictures_have_a_smaller_window(height: int, width: int) -> None:
    one = gradients(height, width)
    assert ssim(one, one) == pytest.approx(1)
    assert ssim(one, 255 - one) < 0.9


def test_sixteen_bits_are_compared_on_the_scale_of_eight() -> None:
    one, two = (it.astype(np.uint16) * 257 for it in (gradients(), np.asarray(shifted())))
    assert psnr(one, two) == pytest.approx(psnr(gradients(), shifted()))
    assert ssim(one, two) == pytest.approx(ssim(gradients(), shifted()))


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="40"):
        psnr(gradients(), gradients(41))


def test_a_map_is_white_where_the_difference_is_largest() -> None:
    one = gradients()
    two = one.copy()
    two[3, 4, 1] ^= 64
    two[5, 6, 2] ^= 32
    found, most = difference_map(one, two)
    assert most == 64
    assert found[3, 4].tolist() == [255] * 3
    assert found[5, 6].tolist() == [127] * 3
    assert int(found.astype(int).sum()) == 3 * (255 + 127)


def test_a_map_of_large_differences() -> None:
    """They were wrapped around once, from 129 on."""
    one = np.zeros((1, 256, 3), dtype=np.uint8)
    two = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=-1)
    found, most = difference_map(one, two)
    assert most == 255
    assert np.array_equal(found, two)
