"""Planning knows schedules without diffusers; here diffusers says whether it is right."""

import inspect
import itertools
from typing import Any

import diffusers
import pytest
import torch

from sdflow.composition import Json
from sdflow.diffusion.samplers import (
    SAMPLERS,
    StepRange,
    evaluations,
    evaluations_per_step,
    schedule_digest,
    scheduler_facts,
    step_range,
)
from sdflow.diffusion.samplers.scheduler import make_scheduler
from sdflow.diffusion.samplers.scheduler_classes import SCHEDULER_CLASSES
from sdflow.problems import UserError
from sdflow.values import CLEAN, NOISE
from tests.diffusion.reference import METHODS

STABLE_DIFFUSION: dict[str, Json] = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
CONFIGS: dict[str, dict[str, Json]] = {
    "1.x": STABLE_DIFFUSION,
    "2.x": {**STABLE_DIFFUSION, "_class_name": "DDIMScheduler", "prediction_type": "v_prediction"},
    "spacing written": {**STABLE_DIFFUSION, "timestep_spacing": "leading"},
    "trailing": {**STABLE_DIFFUSION, "timestep_spacing": "trailing"},
    "old": {
        "_class_name": "PNDMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": True,
        "skip_prk_steps": True,
    },
    "old, written": {**STABLE_DIFFUSION, "steps_offset": 0, "clip_sample": True},
    "euler": {**STABLE_DIFFUSION, "_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"},
    "karras": {**STABLE_DIFFUSION, "_class_name": "DPMSolverMultistepScheduler", "use_karras_sigmas": True},
}


def levels(name: str, config: dict[str, Json], steps: int) -> tuple[str, torch.Tensor]:
    """How a scheduler scales latents, and its noise levels before each step, from the scheduler itself."""
    scheduler: Any = make_scheduler(SAMPLERS[name], config)
    scheduler.set_timesteps(steps, device="cpu")
    if hasattr(scheduler, "sigmas") and not name.startswith(("lcm", "tcd")):
        order = scheduler.order
        every = (
            scheduler.sigmas[: order * (steps - 1) + 1 : order] if order == 2 else scheduler.sigmas[:steps]
        )
        return ("explodes" if float(scheduler.init_noise_sigma) > 2 else "preserves"), every.double()
    times = scheduler.timesteps
    if name == "pndm":
        times = torch.cat([times[:2], times[3:]])
    kept = scheduler.alphas_cumprod[times.long()].double()
    return "preserves", ((1 - kept) / kept).sqrt()


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_equal_digests_mean_equal_noise_levels(config: dict[str, Json]) -> None:
    groups: dict[str, list[str]] = {}
    for name, sampler in SAMPLERS.items():
        if "beta" not in name and not name.startswith(("dpm2-", "dpm++-3m", "dpm++-2m-sde")):
            groups.setdefault(schedule_digest(sampler, config, 6), []).append(name)
    assert any(len(group) > 3 for group in groups.values())
    for first, *others in groups.values():
        scaling, expected = levels(first, config, 6)
        for other in others:
            found_scaling, found = levels(other, config, 6)
            assert found_scaling == scaling, (first, other)
            assert torch.allclose(found, expected, rtol=2e-3), (first, other)


def test_different_noise_levels_mean_different_digests() -> None:
    known: dict[str, tuple[str, torch.Tensor]] = {}
    for config, steps in itertools.product(
        (CONFIGS["1.x"], CONFIGS["spacing written"], CONFIGS["trailing"]), (6, 7)
    ):
        for name in ("ddim", "euler", "euler-karras", "dpm++-2m", "dpm++-2m-karras", "dpm++-2s", "heun"):
            digest = schedule_digest(SAMPLERS[name], config, steps)
            scaling, found = levels(name, config, steps)
            before = known.setdefault(digest, (scaling, found))
            assert before[0] == scaling
            assert torch.allclose(before[1], found, rtol=2e-3), name


def test_the_digest_follows_what_decides_the_levels() -> None:
    sampler = SAMPLERS["euler"]
    base = schedule_digest(sampler, STABLE_DIFFUSION, 20)
    assert base == schedule_digest(SAMPLERS["heun"], {**STABLE_DIFFUSION, "set_alpha_to_one": True}, 20)
    assert base != schedule_digest(sampler, STABLE_DIFFUSION, 21)
    for change in (
        {"beta_end": 0.02},
        {"beta_schedule": "linear"},
        {"prediction_type": "v_prediction"},
        {"timestep_spacing": "trailing"},
        {"rescale_betas_zero_snr": True},
        {"num_train_timesteps": 500},
    ):
        assert schedule_digest(sampler, {**STABLE_DIFFUSION, **change}, 20) != base, change
    assert schedule_digest(SAMPLERS["euler-karras"], STABLE_DIFFUSION, 20) != base


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("name", [None, *METHODS, "euler-karras", "dpm++-2m-karras", "ddim-trailing"])
def test_settings_worked_out_without_diffusers_are_those_of_diffusers(
    name: str | None, config: dict[str, Json]
) -> None:
    sampler = None if name is None else SAMPLERS[name]
    facts = scheduler_facts(sampler, config)
    made: Any = make_scheduler(sampler, config)
    assert type(made).__name__ == facts.class_name
    for key, value in facts.settings.items():
        if key in made.config and key in inspect.signature(type(made).__init__).parameters:
            assert made.config[key] == value, key


def test_a_user_of_diffusers_has_the_same_scheduler() -> None:
    """The constructor of the pipeline corrects the model's scheduler; what is made from its config follows."""
    for config in CONFIGS.values():
        own = getattr(diffusers, str(config["_class_name"])).from_config(config)
        pipeline = diffusers.StableDiffusionPipeline(
            vae=None,
            text_encoder=None,
            tokenizer=None,
            unet=None,
            scheduler=own,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        mine: Any = make_scheduler(None, config)
        assert {**mine.config, "_diffusers_version": ""} == {
            **pipeline.scheduler.config,
            "_diffusers_version": "",
        }
        euler = diffusers.EulerDiscreteScheduler.from_config(
            pipeline.scheduler.config, use_karras_sigmas=True
        )
        other: Any = make_scheduler(SAMPLERS["euler-karras"], config)
        euler.set_timesteps(9)
        other.set_timesteps(9)
        assert torch.equal(euler.sigmas, other.sigmas)


def test_class_facts_are_those_of_diffusers() -> None:
    for name, about in SCHEDULER_CLASSES.items():
        cls = getattr(diffusers, name)
        parameters = inspect.signature(cls.__init__).parameters
        assert cls.order == about.order, name
        assert ("eta" in inspect.signature(cls.step).parameters) == about.takes_eta, name
        defaults = tuple(parameters[key].default for key in ("beta_start", "beta_end", "beta_schedule"))
        assert defaults == about.beta_defaults, name
        flags = tuple(
            key for key in parameters if key.startswith("use_") and key.endswith(("_sigmas", "_lambdas"))
        )
        assert set(flags) - {"use_flow_sigmas"} == set(about.sigma_flags), name
        spacing = parameters.get("timestep_spacing")
        assert (spacing.default if spacing else None) == about.spacing, name
        for key, value in about.method_defaults.items():
            if not (name == "DPMSolverSinglestepScheduler" and key == "lower_order_final"):
                assert parameters[key].default == value, (name, key)


@pytest.mark.parametrize("name", SAMPLERS)
def test_evaluations_are_those_of_the_scheduler(name: str) -> None:
    for steps in (1, 2, 3, 8):
        scheduler = make_scheduler(SAMPLERS[name], STABLE_DIFFUSION)
        scheduler.set_timesteps(steps, device="cpu")
        part = step_range(SAMPLERS[name], STABLE_DIFFUSION, level=NOISE, steps=steps)
        assert evaluations(SAMPLERS[name], STABLE_DIFFUSION, part) == len(scheduler.timesteps)
        assert len(evaluations_per_step(SAMPLERS[name], STABLE_DIFFUSION, part)) == steps


def test_25_steps_of_pndm_are_26_evaluations_of_which_the_second_belongs_to_step_2() -> None:
    part = StepRange(25, 0, 25)
    assert evaluations(None, STABLE_DIFFUSION, part) == 26
    assert evaluations_per_step(None, STABLE_DIFFUSION, part) == (1, 2, *[1] * 23)
    assert evaluations(None, STABLE_DIFFUSION, StepRange(25, 0, 1)) == 1


def test_runge_kutta_steps_of_pndm() -> None:
    config = {**STABLE_DIFFUSION, "skip_prk_steps": False}
    scheduler = make_scheduler(None, config)
    scheduler.set_timesteps(10, device="cpu")
    assert evaluations(None, config, StepRange(10, 0, 10)) == len(scheduler.timesteps)
    with pytest.raises(UserError, match="SDF404"):
        step_range(None, config, level=NOISE, steps=3)


@pytest.mark.parametrize(
    ("steps", "strength", "start"), [(25, 0.75, 7), (50, 0.3, 35), (20, 1.0, 0), (4, 0.3, 3), (10, 0.99, 1)]
)
def test_strength_rounds_down_as_in_diffusers(steps: int, strength: float, start: int) -> None:
    part = step_range(None, STABLE_DIFFUSION, level=CLEAN, steps=steps, strength=strength)
    assert (part.start, part.end) == (start, steps)


def test_more_steps_than_a_sampler_has() -> None:
    for name, steps in (("lcm", 51), ("euler", 1001), ("tcd", 60), ("ddim", 0)):
        with pytest.raises(UserError, match="SDF404"):
            step_range(SAMPLERS[name], STABLE_DIFFUSION, level=NOISE, steps=steps)


def test_a_scheduler_of_another_kind_of_model() -> None:
    for config in ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, {}):
        with pytest.raises(UserError, match="SDF403"):
            schedule_digest(None, config, 10)
