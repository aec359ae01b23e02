"""A sampler: a scheduler class of diffusers with the settings that its name stands for. Torch-free."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from sdflow.composition import Json
from sdflow.diffusion.samplers.scheduler_classes import SCHEDULER_CLASSES, SchedulerClass


@dataclass(frozen=True, slots=True)
class Sampler:
    """One row of the table of samplers.

    name: the canonical name, the one in recipes, keys and records.
    title: what people call it.
    class_name: the scheduler class of diffusers.
    overrides: what the name fixes in the model's scheduler configuration; everything else stays the model's.
    aliases: other spellings, each unique in the table (case, `_` and spaces do not matter).
    requires: modules that the scheduler imports when it is made or run, beyond sdflow's own dependencies.
    stochastic: it draws noise at its steps (DDIM does so only with `eta` above 0).
    paper: where the method comes from.
    """

    name: str
    title: str
    class_name: str
    overrides: Mapping[str, Json] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    stochastic: bool = False
    paper: str = ""

    @property
    def about(self) -> SchedulerClass:
        """What is known of its scheduler class."""
        return SCHEDULER_CLASSES[self.class_name]

    @property
    def takes_eta(self) -> bool:
        """Whether `eta` changes its result."""
        return self.about.takes_eta

    @property
    def history_free(self) -> bool:
        """Whether a run that is split between two steps gives the bits of the whole run."""
        return self.about.history_free


def missing_requirements(sampler: Sampler) -> tuple[str, ...]:
    """The modules that the sampler needs and that are not installed. Imports nothing."""
    return tuple(module for module in sampler.requires if find_spec(module) is None)
