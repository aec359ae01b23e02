"""One run of a sampler over a part of a schedule: its scheduler, its timesteps and its random streams."""

import inspect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch

from sdflow.composition import Json
from sdflow.diffusion.samplers.brownian import BrownianPaths, draw_path_seeds
from sdflow.diffusion.samplers.history import History, before_stepping, capture, restore
from sdflow.diffusion.samplers.sampler import Sampler
from sdflow.diffusion.samplers.scheduler import Scheduler, make_scheduler
from sdflow.diffusion.samplers.steps import StepRange, evaluations_per_step

_SEEDS = "path_seeds"
_LMS_ORDER = 4


class SamplerRun:
    """A scheduler that is ready for the first evaluation of a part of a schedule.

    timesteps: the timestep of each evaluation, on the run's device.
    evaluations: how many of those belong to each step.
    """

    def __init__(
        self,
        sampler: Sampler | None,
        config: Mapping[str, Json],
        part: StepRange,
        *,
        eta: float,
        generators: Sequence[torch.Generator],
        device: torch.device,
    ) -> None:
        """Make the scheduler and place its noise levels as the pipelines do."""
        self.scheduler: Scheduler = make_scheduler(sampler, config)
        if part.timesteps:
            self.scheduler.set_timesteps(timesteps=list(part.timesteps), device=device)
        else:
            self.scheduler.set_timesteps(part.steps, device=device)
        self.evaluations = evaluations_per_step(sampler, config, part)
        self.timesteps = _timesteps(self.scheduler, part)
        self._part = part
        self._device = device
        self._generators = list(generators)
        self._seeds: list[int] = []
        self._options = _step_options(self.scheduler, eta, self._generators)
        self._ramps = _is(self.scheduler, "LMSDiscreteScheduler") and part.strength is None and part.start > 0
        if hasattr(self.scheduler, "set_begin_index"):
            self.scheduler.set_begin_index(part.start * getattr(self.scheduler, "order", 1))
        self._before = before_stepping(self.scheduler)

    def start(self, sample: torch.Tensor, history: History | None) -> None:
        """Go from the first latent, or from a later one with its history."""
        if history is not None:
            facts = dict(history.facts)
            self._seeds = [int(str(seed)) for seed in _list(facts.pop(_SEEDS, []))]
            restore(self.scheduler, History(facts, history.tensors), self._device)
        elif hasattr(self.scheduler, "noise_sampler"):
            self._seeds = draw_path_seeds(self._generators)
        if self._seeds:
            sigmas: torch.Tensor = vars(self.scheduler)["sigmas"]
            vars(self.scheduler)["noise_sampler"] = BrownianPaths(sample, sigmas, self._seeds)

    def step(self, number: int, prediction: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        """The latent after evaluation `number`, given what the UNet predicted for the one before."""
        options = self._options
        if self._ramps:
            # LMS takes its order from the place in the schedule; after a fresh start there is less history.
            options = {**options, "order": min(_LMS_ORDER, number + 1)}
        return self.scheduler.step(prediction, self.timesteps[number], sample, **options, return_dict=False)[
            0
        ]

    def sigma(self) -> torch.Tensor:
        """The noise level of the evaluation at hand, float32[], for samplers that go by sigmas.

        Raises:
            AttributeError: the sampler goes by timesteps.
        """
        scheduler: Any = self.scheduler
        return scheduler.sigmas[scheduler.step_index]  # type: ignore[no-any-return]  # a tensor of diffusers'

    def done_before(self, number: int) -> float:
        """How much of the whole schedule is done before the step of evaluation `number`: 0 to below 1."""
        made = accumulate(self.evaluations)
        return (self._part.start + sum(count <= number for count in made)) / self._part.steps

    def history(self) -> History:
        """What the sampler remembers now."""
        held = capture(self.scheduler, self._before, self._device)
        seeds: dict[str, Json] = {_SEEDS: list(self._seeds)} if self._seeds else {}
        return History({**held.facts, **seeds}, held.tensors)

    def scale(self) -> float:
        """Factor from the sampler's latent to one of the VAE's scale with its noise: 1/√(1 + σ²) or 1."""
        if not _explodes(self.scheduler):
            return 1.0
        scheduler: Any = self.scheduler
        place = scheduler.begin_index if scheduler.step_index is None else scheduler.step_index
        return float((scheduler.sigmas[place] ** 2 + 1) ** -0.5)


def _timesteps(scheduler: Scheduler, part: StepRange) -> torch.Tensor:
    if part.start and part.strength is None and _is(scheduler, "PNDMScheduler"):
        # A fresh PNDM evaluates its second timestep twice, as the schedule has it only at its own beginning.
        left = scheduler.timesteps[part.start + 1 :]
        return torch.cat([left[:2], left[1:]])
    return scheduler.timesteps[part.start * getattr(scheduler, "order", 1) :]


def _step_options(scheduler: Scheduler, eta: float, generators: list[torch.Generator]) -> dict[str, Any]:
    taken = inspect.signature(scheduler.step).parameters
    options: dict[str, Any] = {"eta": eta, "generator": generators}
    return {name: value for name, value in options.items() if name in taken}


def _is(scheduler: Scheduler, class_name: str) -> bool:
    return type(scheduler).__name__ == class_name


def _explodes(scheduler: Scheduler) -> bool:
    from sdflow.diffusion.samplers.scheduler_classes import SCHEDULER_CLASSES

    return SCHEDULER_CLASSES[type(scheduler).__name__].grid == "sigmas"


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
