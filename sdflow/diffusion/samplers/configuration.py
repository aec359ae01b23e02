"""What a scheduler's configuration comes to: diffusers' rules without diffusers. Torch-free."""

from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.diffusion.samplers.sampler import Sampler
from sdflow.diffusion.samplers.scheduler_classes import SCHEDULER_CLASSES, SIGMA_FLAGS, SchedulerFacts
from sdflow.diffusion.samplers.table import SAMPLERS
from sdflow.problems import nearest, problem

_COMMON: dict[str, Json] = {
    "num_train_timesteps": 1000,
    "trained_betas": None,
    "steps_offset": 0,
    "prediction_type": "epsilon",
    "rescale_betas_zero_snr": False,
    "original_inference_steps": 50,
    "skip_prk_steps": False,
    **dict.fromkeys(SIGMA_FLAGS, False),
}


_AS_WRITTEN = "_as_written"


def as_written(config: Mapping[str, Json]) -> dict[str, Json]:
    """A scheduler configuration, marked to be taken as it is: the pipelines for SDXL correct nothing."""
    return {**config, _AS_WRITTEN: True}


def is_as_written(config: Mapping[str, Json]) -> bool:
    """Whether a configuration bears that mark."""
    return config.get(_AS_WRITTEN) is True


def unmarked(config: Mapping[str, Json]) -> dict[str, Json]:
    """A configuration without the mark, as diffusers reads it."""
    return {key: value for key, value in config.items() if key != _AS_WRITTEN}


def corrected(config: Mapping[str, Json]) -> dict[str, Json]:
    """A scheduler configuration as `StableDiffusionPipeline`'s constructor leaves it.

    Old configurations have `steps_offset` 0 and `clip_sample` true; the pipeline makes them 1 and false. Only
    what is written in the configuration is corrected here: what it leaves out is a default of its class, and
    diffusers takes defaults from the class that a configuration is given to.
    """
    if is_as_written(config):
        return dict(config)
    changed: dict[str, Json] = {}
    if config.get("steps_offset", 1) != 1:
        changed["steps_offset"] = 1
    if config.get("clip_sample", False) is True:
        changed["clip_sample"] = False
    return {**config, **changed}


def own_class(config: Mapping[str, Json]) -> str:
    """The scheduler class that a model's configuration names.

    Raises:
        UserError: SDF403, the class is missing or is none that samples Stable Diffusion.
    """
    name = str(config.get("_class_name", ""))
    if name in SCHEDULER_CLASSES:
        return name
    guess = nearest(name, SCHEDULER_CLASSES) if name else None
    hint = f"name a `sampler`; the nearest known class is {guess}" if guess else "name a `sampler`"
    raise problem("SDF403", f"the model's scheduler {name or '(unnamed)'} cannot be used here", hint=hint)


def keeps_own_scheduler(sampler: Sampler | None, config: Mapping[str, Json]) -> bool:
    """Whether the model's scheduler serves as it is: no sampler is named, or the one that it already is."""
    if sampler is None:
        return True
    settings = {**_COMMON, **sampler.about.method_defaults, **config}
    return sampler.class_name == config.get("_class_name") and all(
        key in settings and settings[key] == value for key, value in sampler.overrides.items()
    )


def scheduler_facts(sampler: Sampler | None, config: Mapping[str, Json]) -> SchedulerFacts:
    """The class and the settings that decide the noise levels, for a sampler on a model's configuration.

    Raises:
        UserError: SDF403, no sampler is named and the model's own scheduler cannot be used.
    """
    own = keeps_own_scheduler(sampler, config)
    class_name = own_class(config) if sampler is None else sampler.class_name
    about = SCHEDULER_CLASSES[class_name]
    start, end, schedule = about.beta_defaults
    defaults: dict[str, Json] = {
        **_COMMON,
        "beta_start": start,
        "beta_end": end,
        "beta_schedule": schedule,
        "timestep_spacing": about.spacing,
    }
    if own and not is_as_written(config):
        # The pipeline also corrects what its own scheduler takes from its class's defaults.
        defaults["steps_offset"] = 1
    given = {**corrected(config), **({} if own or sampler is None else sampler.overrides)}
    settings = {key: given.get(key, value) for key, value in defaults.items()}
    settings |= {flag: False for flag in SIGMA_FLAGS if flag not in about.sigma_flags}
    if about.spacing is None:
        settings["timestep_spacing"] = "linspace"
    return SchedulerFacts(class_name, settings)


def sampler_of_config(config: Mapping[str, Json]) -> Sampler | None:
    """The row of the table that a model's own scheduler is, if it is one of them."""
    for sampler in SAMPLERS.values():
        if keeps_own_scheduler(sampler, config):
            return sampler
    return None
