"""The scheduler classes of diffusers that sdflow samples with: facts that planning needs. Torch-free."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sdflow.composition import Json

Grid: TypeAlias = Literal["training", "sigmas", "log-snr", "consistency"]


SIGMA_FLAGS: tuple[str, ...] = (
    "use_karras_sigmas",
    "use_exponential_sigmas",
    "use_beta_sigmas",
    "use_lu_lambdas",
)


@dataclass(frozen=True, slots=True)
class SchedulerClass:
    """What is known of a scheduler class without importing it.

    grid: how it places its noise levels and scales its latents; classes of one grid that have the same
        settings pass through the same latents. `training` and `log-snr` keep the variance (x = alpha x0 +
        sigma noise), `sigmas` lets it explode (x = x0 + sigma noise), `consistency` picks from a distilled
        schedule.
    order: model evaluations per step, but for the last, which has one.
    history_free: nothing but the latent and the random streams is carried from step to step.
    spacing: the class's default `timestep_spacing`; None where the class knows only `linspace`.
    takes_eta: its step has a parameter `eta`.
    takes_timesteps: it can be given timesteps of one's own, where its noise levels are not placed by their size.
    sigma_flags: the settings it has for other placements of its noise levels; it ignores all others.
    beta_defaults: beta_start, beta_end and beta_schedule where a configuration leaves them out.
    method_defaults: the same for what the names of samplers tell apart.
    """

    grid: Grid
    order: int = 1
    history_free: bool = False
    spacing: str | None = "linspace"
    takes_eta: bool = False
    takes_timesteps: bool = False
    sigma_flags: tuple[str, ...] = SIGMA_FLAGS[:3]
    beta_defaults: tuple[float, float, str] = (0.0001, 0.02, "linear")
    method_defaults: Mapping[str, Json] = field(default_factory=dict)


_DIFFUSION_BETAS = (0.00085, 0.012, "linear")
_DISTILLED_BETAS = (0.00085, 0.012, "scaled_linear")
_DPM_SOLVER: dict[str, Json] = {
    "algorithm_type": "dpmsolver++",
    "solver_order": 2,
    "solver_type": "midpoint",
    "lower_order_final": True,
}

SCHEDULER_CLASSES: dict[str, SchedulerClass] = {
    "PNDMScheduler": SchedulerClass("training", spacing="leading", sigma_flags=()),
    "DDIMScheduler": SchedulerClass(
        "training", history_free=True, spacing="leading", takes_eta=True, sigma_flags=()
    ),
    "DDPMScheduler": SchedulerClass(
        "training", history_free=True, spacing="leading", sigma_flags=(), takes_timesteps=True
    ),
    "EulerDiscreteScheduler": SchedulerClass("sigmas", history_free=True, takes_timesteps=True),
    "EulerAncestralDiscreteScheduler": SchedulerClass("sigmas", history_free=True, sigma_flags=()),
    "HeunDiscreteScheduler": SchedulerClass(
        "sigmas", order=2, history_free=True, beta_defaults=_DIFFUSION_BETAS, takes_timesteps=True
    ),
    "KDPM2DiscreteScheduler": SchedulerClass(
        "sigmas", order=2, history_free=True, beta_defaults=_DIFFUSION_BETAS
    ),
    "KDPM2AncestralDiscreteScheduler": SchedulerClass(
        "sigmas", order=2, history_free=True, beta_defaults=_DIFFUSION_BETAS
    ),
    "DPMSolverSDEScheduler": SchedulerClass("sigmas", order=2, beta_defaults=_DIFFUSION_BETAS),
    "LMSDiscreteScheduler": SchedulerClass("sigmas"),
    "DPMSolverMultistepScheduler": SchedulerClass(
        "log-snr", sigma_flags=SIGMA_FLAGS, method_defaults=_DPM_SOLVER, takes_timesteps=True
    ),
    "DPMSolverSinglestepScheduler": SchedulerClass(
        "log-snr", spacing=None, method_defaults=_DPM_SOLVER, takes_timesteps=True
    ),
    "UniPCMultistepScheduler": SchedulerClass(
        "log-snr", method_defaults={"solver_order": 2, "solver_type": "bh2"}
    ),
    "DEISMultistepScheduler": SchedulerClass(
        "log-snr", method_defaults={"algorithm_type": "deis", "solver_order": 2, "solver_type": "logrho"}
    ),
    "SASolverScheduler": SchedulerClass(
        "log-snr",
        method_defaults={"algorithm_type": "data_prediction", "predictor_order": 2, "corrector_order": 2},
    ),
    "LCMScheduler": SchedulerClass(
        "consistency",
        history_free=True,
        spacing="leading",
        sigma_flags=(),
        beta_defaults=_DISTILLED_BETAS,
        takes_timesteps=True,
    ),
    "TCDScheduler": SchedulerClass(
        "consistency",
        history_free=True,
        spacing="leading",
        sigma_flags=(),
        takes_eta=True,
        takes_timesteps=True,
        beta_defaults=_DISTILLED_BETAS,
    ),
}


@dataclass(frozen=True, slots=True)
class SchedulerFacts:
    """One scheduler as it will be made: its class and the settings that decide its noise levels."""

    class_name: str
    settings: dict[str, Json]

    @property
    def about(self) -> SchedulerClass:
        """The facts about its class."""
        return SCHEDULER_CLASSES[self.class_name]
