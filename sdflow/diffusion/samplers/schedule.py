"""The identity of a schedule: what decides through which noise levels a latent passes. Torch-free."""

from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.diffusion.samplers.configuration import scheduler_facts
from sdflow.diffusion.samplers.sampler import Sampler
from sdflow.diffusion.samplers.scheduler_classes import SIGMA_FLAGS, SchedulerFacts
from sdflow.values import digest_of_json

_TRAINING = ("num_train_timesteps", "trained_betas", "prediction_type", "rescale_betas_zero_snr")
_BETAS = ("beta_start", "beta_end", "beta_schedule")


def schedule_digest(
    sampler: Sampler | None, config: Mapping[str, Json], steps: int, timesteps: tuple[int, ...] = ()
) -> str:
    """Digest of the noise levels of a run and of how its latents are scaled.

    Two samplers have the same digest when one can take over from the other at any step: the same way of
    placing levels (`SchedulerClass.grid`), the same training schedule, the same spacing, the same number of
    steps. The digest says nothing about the solver. Different digests may still mean equal levels; that is
    refused although it would work, never the reverse. Timesteps of one's own take the place of the spacing.

    Raises:
        UserError: SDF403, as `scheduler_facts`.
    """
    facts = scheduler_facts(sampler, config)
    if timesteps:
        own: dict[str, Json] = {**_training(facts), "timesteps": list(timesteps)}
        return digest_of_json({"grid": facts.about.grid, **own})
    return digest_of_json({"grid": facts.about.grid, "steps": steps, **_levels(facts)})


def _levels(facts: SchedulerFacts) -> dict[str, Json]:
    settings, kept = facts.settings, _training(facts)
    if facts.about.grid == "consistency":
        return {**kept, "original_inference_steps": settings["original_inference_steps"]}
    flags: list[Json] = [flag for flag in SIGMA_FLAGS if settings[flag]]
    if flags and facts.about.grid == "log-snr":
        # These spread over the whole training range, whatever the spacing is.
        return {**kept, "sigmas": flags}
    kept |= {"sigmas": flags, "spacing": settings["timestep_spacing"]}
    return {**kept, "offset": settings["steps_offset"]} if settings["timestep_spacing"] == "leading" else kept


def _training(facts: SchedulerFacts) -> dict[str, Json]:
    """What the noise levels of the training schedule depend on."""
    settings = facts.settings
    kept: dict[str, Json] = {key: settings[key] for key in _TRAINING}
    if settings["trained_betas"] is None:
        kept |= {key: settings[key] for key in _BETAS}
    return kept
