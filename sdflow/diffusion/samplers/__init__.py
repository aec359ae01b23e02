"""Samplers by name, and what planning has to know of them. Importing this needs no torch."""

from sdflow.diffusion.samplers.configuration import (
    as_written,
    keeps_own_scheduler,
    sampler_of_config,
    scheduler_facts,
)
from sdflow.diffusion.samplers.names import canonical
from sdflow.diffusion.samplers.sampler import Sampler, missing_requirements
from sdflow.diffusion.samplers.schedule import schedule_digest
from sdflow.diffusion.samplers.steps import (
    StepRange,
    evaluations,
    evaluations_per_step,
    level_after,
    step_range,
)
from sdflow.diffusion.samplers.table import SAMPLERS
from sdflow.diffusion.samplers.timesteps import step_at

__all__ = [
    "SAMPLERS",
    "Sampler",
    "StepRange",
    "as_written",
    "canonical",
    "evaluations",
    "evaluations_per_step",
    "keeps_own_scheduler",
    "level_after",
    "missing_requirements",
    "sampler_of_config",
    "schedule_digest",
    "scheduler_facts",
    "step_at",
    "step_range",
]
