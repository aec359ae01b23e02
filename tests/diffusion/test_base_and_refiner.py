"""From the base model to the refiner by a fraction: equal to diffusers' `denoising_end` and `denoising_start`."""

import pytest
import torch

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.samplers import SAMPLERS, as_written, step_at
from sdflow.diffusion.streams import generators_of
from tests.diffusion.conftest import XlModules
from tests.diffusion.reference_xl import noise, pipeline_with, request, run_pipeline

SEEDS = (3, 4)


def parts(
    xl: XlModules, refiner: XlModules, name: str | None, steps: int, fraction: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the base model leaves, and what the refiner makes of it."""
    sampler = None if name is None else SAMPLERS[name]
    config = as_written(xl.scheduler_config)
    end = step_at(sampler, config, steps=steps, fraction=fraction)
    partial = denoise(request(xl, name, noise(SEEDS), steps=steps, end_step=end), unet=xl.unet)
    assert partial.level.kind == "partial"
    refined = denoise(request(refiner, name, partial, steps=steps, start_step=end), unet=refiner.unet)
    assert refined.level.kind == "clean"
    return partial.samples, refined.samples


def by_diffusers(
    xl: XlModules, refiner: XlModules, name: str | None, steps: int, fraction: float
) -> tuple[torch.Tensor, torch.Tensor]:
    generators = generators_of(noise(SEEDS).streams)
    base, end = pipeline_with(xl, name), pipeline_with(refiner, name)
    wanted = request(xl, name, noise(SEEDS), steps=steps)
    latents = noise(SEEDS).samples
    left = run_pipeline(base, wanted, generators, {"latents": latents, "denoising_end": fraction})
    asked = request(refiner, name, noise(SEEDS), steps=steps)
    given = {"image": left, "denoising_start": fraction}
    return left, run_pipeline(end, asked, generators, given)


@pytest.mark.parametrize("steps", [5, 11, 30])
@pytest.mark.parametrize("name", [None, "euler", "ddim", "dpm++-2m-karras", "unipc"])
def test_samplers_and_numbers_of_steps(
    xl: XlModules, refiner: XlModules, name: str | None, steps: int
) -> None:
    """Solvers with a history begin anew in both: the refiner is another model."""
    for ours, theirs in zip(
        parts(xl, refiner, name, steps, 0.8), by_diffusers(xl, refiner, name, steps, 0.8), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.67])
@pytest.mark.parametrize("name", ["euler-ancestral", "dpm++-2m-sde-karras", "deis"])
def test_fractions_and_random_draws(xl: XlModules, refiner: XlModules, name: str, fraction: float) -> None:
    """The refiner goes on with the base model's generators."""
    for ours, theirs in zip(
        parts(xl, refiner, name, 9, fraction), by_diffusers(xl, refiner, name, 9, fraction), strict=True
    ):
        assert torch.equal(ours, theirs)
