"""Making a scheduler of diffusers. Needs torch and diffusers."""

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from typing import Any, Protocol

import diffusers
import torch

from sdflow.composition import Json
from sdflow.diffusion.samplers.configuration import (
    corrected,
    is_as_written,
    keeps_own_scheduler,
    own_class,
    unmarked,
)
from sdflow.diffusion.samplers.sampler import Sampler, missing_requirements
from sdflow.diffusion.samplers.table import SAMPLERS
from sdflow.problems import UserError, problem
from sdflow.values import canonical_json


class Scheduler(Protocol):
    """What the denoising loop uses of a scheduler of diffusers."""

    timesteps: torch.Tensor
    init_noise_sigma: float | torch.Tensor

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        *,
        timesteps: list[int] | None = None,
    ) -> None:
        """Place the noise levels of a run; classes that take no timesteps have no such parameter."""

    def scale_model_input(self, sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        """The latent as the UNet takes it."""

    def add_noise(self, original: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """A clean latent at the noise level of a timestep."""

    def step(
        self, model_output: torch.Tensor, timestep: torch.Tensor, sample: torch.Tensor, **options: Any
    ) -> tuple[torch.Tensor, ...]:
        """The latent at the next noise level, with `return_dict=False`."""


def make_scheduler(sampler: Sampler | None, scheduler_config: Mapping[str, Json]) -> Scheduler:
    """A fresh scheduler: the model's own (`sampler` None), or another on the model's configuration.

    It equals what a user of diffusers has after `pipe = StableDiffusionPipeline(…)`, or after that and
    `pipe.scheduler = X.from_config(pipe.scheduler.config, **overrides)`. Schedulers hold state: one for
    each run.

    Args:
        sampler: a row of the table, or None.
        scheduler_config: the model's `scheduler_config.json`, with `_class_name`.

    Raises:
        UserError: SDF403, SDF407 (a package is missing).
    """
    if sampler is not None and missing_requirements(sampler):
        raise missing_package(sampler)
    plain = {key: value for key, value in scheduler_config.items() if key != "_diffusers_version"}
    return _copy(_pristine(None if sampler is None else sampler.name, canonical_json(plain)))


@lru_cache(maxsize=16)
def _pristine(name: str | None, config: bytes) -> Scheduler:
    """A scheduler that is never used, only copied: the constructors of some take a quarter of a second."""
    plain: dict[str, Json] = json.loads(config)
    sampler = None if name is None else SAMPLERS[name]
    if sampler is None or keeps_own_scheduler(sampler, plain):
        own: Scheduler = _own(plain, own_class(plain))
        return own
    made: Scheduler = _class(sampler.class_name).from_config(_base_config(plain), **sampler.overrides)
    return made


def _copy(scheduler: Scheduler) -> Scheduler:
    """A copy that shares the configuration, which is never changed in place and cannot be copied deeply."""
    copy: Scheduler = type(scheduler).__new__(type(scheduler))
    for name, value in vars(scheduler).items():
        vars(copy)[name] = value if name == "_internal_dict" else deepcopy(value)
    return copy


def missing_package(sampler: Sampler) -> UserError:
    """SDF407: what to say of a sampler whose packages are not installed."""
    names = " and ".join(missing_requirements(sampler))
    hint = "`pip install 'sdflow[samplers]'` installs it"
    return problem("SDF407", f"sampler `{sampler.name}` needs {names}", hint=hint)


def _base_config(config: dict[str, Json]) -> Mapping[str, Any]:
    """`pipe.scheduler.config` as a user meets it, with its class's defaults noted as such."""
    if not hasattr(diffusers, str(config.get("_class_name"))):
        return unmarked(corrected(config))
    noted: Mapping[str, Any] = _own(config, str(config["_class_name"])).config
    return noted


def _own(config: dict[str, Json], class_name: str) -> Any:
    """The model's own scheduler as its pipeline has it."""
    made = _class(class_name).from_config(unmarked(config))
    if not is_as_written(config):
        _correct_like_the_pipeline(made)
    return made


def _correct_like_the_pipeline(scheduler: Any) -> None:
    """What `StableDiffusionPipeline.__init__` does to the scheduler it is given."""
    from diffusers.configuration_utils import FrozenDict

    changes = dict(scheduler.config)
    if getattr(scheduler.config, "steps_offset", 1) != 1:
        changes["steps_offset"] = 1
    if getattr(scheduler.config, "clip_sample", False) is True:
        changes["clip_sample"] = False
    scheduler._internal_dict = FrozenDict(changes)  # noqa: SLF001 - the very attribute that the pipeline sets


def _class(name: str) -> Any:
    return getattr(diffusers, name)
