"""A UNet that looks through windows: blended as MultiDiffusion says, and bounded in memory."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.tiles import Tiling
from sdflow.diffusion.windows import Windowed
from sdflow.problems import NodeFailedError
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import noise, request


class Watched:
    """A UNet that remembers the largest latent that it was given."""

    def __init__(self, unet: Any) -> None:
        self.unet = unet
        self.seen: set[tuple[int, ...]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unet, name)

    def __call__(self, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        self.seen.add(tuple(sample.shape))
        return self.unet(sample, *args, **kwargs)


def place_alone(sample: torch.Tensor, timestep: int, **_arguments: Any) -> tuple[torch.Tensor]:
    """A prediction that depends on where in its window a place is, so that blending shows."""
    columns = torch.arange(sample.shape[-1], dtype=torch.float32)
    return (sample * 0 + columns + timestep,)


def test_two_windows_are_blended_with_a_squared_sine() -> None:
    made = Windowed(place_alone, Tiling(8, 4))(torch.zeros(1, 1, 8, 12), 100)[0][0, 0, 0]
    for column in range(12):
        first, second = column + 100, column - 4 + 100
        share = (
            0.0 if column < 4 else 1.0 if column >= 8 else math.sin((column - 4 + 0.5) / 4 * math.pi / 2) ** 2
        )
        assert float(made[column]) == pytest.approx((1 - share) * first + share * second, abs=1e-3)


def test_one_window_that_is_large_enough_is_the_ordinary_run_to_the_bit(tiny: Modules) -> None:
    wanted = request(tiny, None, (1, 2), steps=2)
    plain = denoise(wanted, unet=tiny.unet)
    through = denoise(replace(wanted, windows=Tiling(16, 4)), unet=tiny.unet)
    assert torch.equal(plain.samples, through.samples)


def test_the_unet_sees_no_more_than_a_window_however_large_the_latent(tiny: Modules) -> None:
    for height, width in ((8, 16), (24, 32)):
        watched = Watched(tiny.unet)
        latent = noise((1,), height, width)
        wanted = request(tiny, None, latent=latent, steps=2, windows=Tiling(8, 2))
        made = denoise(wanted, unet=watched)
        assert made.samples.shape[-2:] == (height, width)
        assert watched.seen == {(2, 4, 8, 8)}, "both sides of the guidance, and one window"
        whole = denoise(replace(wanted, windows=None), unet=tiny.unet)
        assert not torch.equal(made.samples, whole.samples)


def test_residuals_of_the_whole_latent_are_not_dropped_in_silence() -> None:
    windowed = Windowed(place_alone, Tiling(8, 4))
    with pytest.raises(NodeFailedError, match="ControlNet"):
        windowed(torch.zeros(1, 1, 8, 12), 100, mid_block_additional_residual=torch.zeros(1))
