"""Where steps begin is known without torch, fractions cut as diffusers cuts, and timesteps can be one's own."""

from typing import Any

import pytest
import torch

from sdflow.composition import Json
from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.samplers import SAMPLERS, as_written, scheduler_facts, step_at, step_range
from sdflow.diffusion.samplers.scheduler import make_scheduler
from sdflow.diffusion.samplers.timesteps import first_timesteps
from sdflow.problems import UserError
from sdflow.values import NOISE
from tests.diffusion.conftest import Modules, XlModules
from tests.diffusion.reference import pipeline_with, request, run_pipeline
from tests.diffusion.reference_xl import noise as noise_xl
from tests.diffusion.reference_xl import pipeline_with as xl_pipeline_with
from tests.diffusion.reference_xl import request as xl_request
from tests.diffusion.reference_xl import run_pipeline as run_xl

XL: dict[str, Json] = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "steps_offset": 1,
}
KNOWN = [name for name in SAMPLERS if not name.endswith("-beta")]


def begun_at(name: str, config: dict[str, Json], steps: int) -> list[float]:
    """The timestep of the first evaluation in each step, by diffusers."""
    scheduler = make_scheduler(SAMPLERS[name], config)
    scheduler.set_timesteps(steps, device="cpu")
    placed: list[float] = scheduler.timesteps.tolist()
    if name == "pndm":
        return [placed[0], *placed[2:]]
    return [placed[0], *placed[2::2]] if SAMPLERS[name].about.order == 2 else placed


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("name", KNOWN)
def test_steps_begin_where_diffusers_begins_them(name: str, spacing: str) -> None:
    config = as_written({**XL, "timestep_spacing": spacing})
    facts = scheduler_facts(SAMPLERS[name], config)
    for steps in (3, 25, 30):
        found, expected = first_timesteps(facts, steps), begun_at(name, config, steps)
        assert found is not None
        assert len(found) == len(expected)
        # The largest whole number below a highest level that is 999 but for rounding may be 998.
        allowed = 1.0 if name.endswith("-exponential") else 0.01
        assert max(abs(one - other) for one, other in zip(found, expected, strict=True)) <= allowed


@pytest.mark.parametrize("name", ["euler", "ddim-trailing", "dpm++-2m-karras", "heun", "euler-karras", "lcm"])
def test_fractions_are_counted_in_training_timesteps(name: str) -> None:
    config = as_written({**XL, "timestep_spacing": "leading"})
    for steps in (4, 11, 25, 30, 40, 50):
        for fraction in (0.05, 0.2, 0.33, 0.5, 0.75, 0.8, 0.9):
            cutoff = round(1000 - fraction * 1000)
            before = sum(timestep >= cutoff for timestep in begun_at(name, config, steps))
            assert step_at(SAMPLERS[name], config, steps=steps, fraction=fraction) == before
    assert step_at(SAMPLERS[name], config, steps=30, fraction=0.0) == 0
    assert step_at(SAMPLERS[name], config, steps=30, fraction=1.0) == 30


def test_a_fraction_of_thirty_steps_is_not_the_fraction_of_the_steps() -> None:
    config = as_written({**XL, "timestep_spacing": "leading"})
    assert step_at(SAMPLERS["euler"], config, steps=30, fraction=0.8) == 23
    assert step_at(SAMPLERS["euler-beta"], config, steps=30, fraction=0.8) == 24, "not known: rounded"
    own = (999, 500, 199, 100)
    assert step_at(SAMPLERS["euler"], config, steps=4, fraction=0.8, timesteps=own) == 2


# Sampler → timesteps of one's own, as model cards and papers have them.
OWN: dict[str, tuple[int, ...]] = {
    "lcm": (999, 699, 399, 99),
    "tcd": (999, 699, 399, 99),
    "euler": (999, 845, 730, 587, 443, 310, 193, 116, 53, 13),
    "euler-trailing": (900, 400),
    "dpm++-2m-sde": (999, 845, 730, 587, 443, 310, 193, 116, 53, 13),
    "dpm++-2s": (999, 500, 250),
    "heun": (999, 500, 250),
    "ddpm": (999, 500, 250),
}


@pytest.mark.parametrize("name", OWN)
def test_timesteps_of_ones_own(tiny: Modules, name: str) -> None:
    own = OWN[name]
    wanted = request(tiny, SAMPLERS[name], steps=len(own), timesteps=own)
    pipeline = pipeline_with(tiny, name)
    theirs = run_pipeline_with(pipeline, wanted, own)
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, theirs)
    usual = denoise(request(tiny, SAMPLERS[name], steps=len(own)), unet=tiny.unet)
    assert not torch.allclose(made.samples, usual.samples, atol=1e-3)


def run_pipeline_with(pipeline: Any, wanted: Any, own: tuple[int, ...]) -> torch.Tensor:
    """The pipeline takes timesteps in place of the number of steps."""
    given = {"height": 64, "width": 64, "timesteps": list(own)}
    return run_pipeline(pipeline, wanted, (3, 4), given)


def test_one_step_of_sdxl_at_a_timestep_of_ones_own(xl: XlModules) -> None:
    """As the card of Hyper-SD's one-step UNet has it: LCM, `timesteps=[800]`, no guidance."""
    wanted = xl_request(xl, "lcm", noise_xl((3,)), steps=1, timesteps=(800,), guidance=0.0)
    theirs = run_xl(xl_pipeline_with(xl, "lcm"), wanted, (3,), {"timesteps": [800]})
    assert torch.equal(denoise(wanted, unet=xl.unet).samples, theirs)


def test_a_run_with_own_timesteps_stops_and_goes_on(tiny: Modules) -> None:
    own = OWN["euler"]
    whole = denoise(request(tiny, SAMPLERS["euler"], steps=10, timesteps=own), unet=tiny.unet)
    first = denoise(request(tiny, SAMPLERS["euler"], steps=10, timesteps=own, end_step=4), unet=tiny.unet)
    second = request(tiny, SAMPLERS["euler"], steps=10, timesteps=own, latent=first)
    assert torch.equal(denoise(second, unet=tiny.unet).samples, whole.samples)
    other = (*own[:-1], 12)
    with pytest.raises(UserError, match="SDF406"):
        denoise(request(tiny, SAMPLERS["euler"], steps=10, timesteps=other, latent=first), unet=tiny.unet)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("ddim", (999, 500)),
        ("euler-karras", (999, 500)),
        ("unipc", (999, 500)),
        ("lcm", (500, 999)),
        ("lcm", (500, 500)),
        ("lcm", (1000, 500)),
        ("lcm", (500, -1)),
    ],
)
def test_timesteps_that_cannot_be(name: str, own: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="SDF414"):
        step_range(SAMPLERS[name], XL, level=NOISE, steps=len(own), timesteps=own)


def test_who_takes_timesteps_is_known_as_diffusers_has_it() -> None:
    import inspect

    import diffusers

    from sdflow.diffusion.samplers.scheduler_classes import SCHEDULER_CLASSES

    for name, about in SCHEDULER_CLASSES.items():
        taken = inspect.signature(getattr(diffusers, name).set_timesteps).parameters
        assert about.takes_timesteps == ("timesteps" in taken), name
