"""Steps, as a user counts them, and evaluations of the UNet, as a sampler makes them. Torch-free.

A schedule of n steps has n + 1 states, numbered by steps done: state 0 is noise, state n is clean. A run goes
from state `start` to state `end`. Most samplers evaluate the UNet once per step; Heun, DPM2 and DPM++ SDE
twice but for the last step; PNDM once, but for its second step, which begins by correcting the first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.diffusion.samplers.configuration import scheduler_facts
from sdflow.diffusion.samplers.sampler import Sampler
from sdflow.diffusion.samplers.schedule import schedule_digest
from sdflow.diffusion.samplers.scheduler_classes import SchedulerFacts
from sdflow.diffusion.samplers.timesteps import refuse_timesteps
from sdflow.problems import Problem, UserError
from sdflow.values import CLEAN, Level

_PRK_STEPS = 3
_PRK_EVALUATIONS = 4


@dataclass(frozen=True, slots=True)
class StepRange:
    """A run from state `start` to state `end` of a schedule of `steps` steps.

    strength: the part of the schedule an encoded picture goes through, where the range came from that; the
        evaluations then are those of diffusers' image-to-image pipeline.
    timesteps: one for each step of the schedule, where they do not follow from the sampler.
    """

    steps: int
    start: int
    end: int
    strength: float | None = None
    timesteps: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Number of steps to do."""
        return self.end - self.start


def step_range(
    sampler: Sampler | None,
    config: Mapping[str, Json],
    *,
    level: Level,
    steps: int,
    strength: float | None = None,
    start_step: int | None = None,
    end_step: int | None = None,
    timesteps: tuple[int, ...] = (),
) -> StepRange:
    """The states that a run goes through, from the fields of a `denoise` and the level of its latent.

    Noise starts at state 0. An encoded picture (level clean) needs `strength`, above 0 and up to 1, of which
    diffusers makes int(steps · strength) steps, or `start_step`. A partly denoised latent goes on where it
    is. `timesteps` are as many as there are steps, from high to low.

    Raises:
        UserError: SDF403, SDF404, SDF405, SDF406 or SDF414, all that apply.
    """
    problems = refuse_timesteps(sampler, config, timesteps) if timesteps else _limits(sampler, config, steps)
    end = steps if end_step is None else end_step
    start = level.step if level.kind == "partial" else 0
    if strength is not None and start_step is not None:
        problems.append(
            Problem("SDF405", "`strength` and a start exclude each other: both say where to begin")
        )
    elif level.kind == "noise" and (strength is not None or start_step):
        problems.append(
            Problem(
                "SDF405", "the latent is pure noise: it starts at step 0, without `strength`", hint="drop it"
            )
        )
    elif level.kind == "clean":
        start = _start_of_picture(steps, strength, start_step, problems)
    elif level.kind == "partial":
        problems += _continuation(
            level, schedule_digest(sampler, config, steps, timesteps), strength, start_step
        )
    if not problems and not 0 <= start < end <= steps:
        text = f"steps {start} to {end} are not a part of {steps} steps that holds at least one"
        problems.append(Problem("SDF405", text, hint=f"0 ≤ start < end ≤ {steps}"))
    if problems:
        raise UserError(*problems)
    return StepRange(steps, start, end, strength, timesteps)


def level_after(sampler: Sampler | None, config: Mapping[str, Json], part: StepRange, before: Level) -> Level:
    """The level of the latent that a run ends with which had the level `before`."""
    if part.end == part.steps:
        return CLEAN
    schedule = schedule_digest(sampler, config, part.steps, part.timesteps)
    return Level("partial", part.end, schedule, before.begins_with_picture)


def evaluations_per_step(
    sampler: Sampler | None, config: Mapping[str, Json], part: StepRange
) -> tuple[int, ...]:
    """How often the UNet is evaluated in each step from `start` to `end`."""
    facts = scheduler_facts(sampler, config)
    left = part.steps - part.start
    if facts.class_name == "PNDMScheduler":
        return _pndm(facts, left, of_picture=part.strength is not None)[: part.count]
    order = facts.about.order
    return (*[order] * (left - 1), 1)[: part.count]


def evaluations(sampler: Sampler | None, config: Mapping[str, Json], part: StepRange) -> int:
    """How often the UNet is evaluated in a run; with guidance each time for a batch of twice the size."""
    return sum(evaluations_per_step(sampler, config, part))


def _pndm(facts: SchedulerFacts, left: int, *, of_picture: bool) -> tuple[int, ...]:
    if not facts.settings["skip_prk_steps"]:
        return (*[_PRK_EVALUATIONS] * _PRK_STEPS, *[1] * (left - _PRK_STEPS))
    if left == 1:
        # The image-to-image pipeline cuts the schedule so that even a single step has both evaluations.
        return (2,) if of_picture else (1,)
    return (1, 2, *[1] * (left - 2))


def _limits(sampler: Sampler | None, config: Mapping[str, Json], steps: int) -> list[Problem]:
    facts = scheduler_facts(sampler, config)
    key = "original_inference_steps" if facts.about.grid == "consistency" else "num_train_timesteps"
    most = facts.settings[key]
    name = sampler.name if sampler else facts.class_name
    if isinstance(most, int) and not 1 <= steps <= most:
        return [Problem("SDF404", f"{name} does 1 to {most} steps with this model, not {steps}")]
    if facts.class_name == "PNDMScheduler" and not facts.settings["skip_prk_steps"] and steps <= _PRK_STEPS:
        return [
            Problem(
                "SDF404", f"this PNDM begins with {_PRK_STEPS} Runge-Kutta steps: it needs more than {steps}"
            )
        ]
    return []


def _start_of_picture(
    steps: int, strength: float | None, start_step: int | None, problems: list[Problem]
) -> int:
    if strength is None and start_step is None:
        text = "the latent is an encoded picture: how much noise it is to get has to be said"
        problems.append(Problem("SDF405", text, hint="`strength: 0.75`, or `start-step`"))
        return 0
    if strength is None:
        return start_step or 0
    if not 0 < strength <= 1:
        problems.append(Problem("SDF405", f"`strength` is above 0 and at most 1, not {strength}"))
        return 0
    # int() rounds down, as diffusers does.
    done = min(int(steps * strength), steps)
    if done == 0:
        least = f"`steps` of at least {-int(-1 // strength)}, or more `strength`"
        problems.append(
            Problem("SDF405", f"strength {strength} of {steps} steps is less than one step", hint=least)
        )
    return steps - done


def _continuation(
    level: Level, schedule: str, strength: float | None, start_step: int | None
) -> list[Problem]:
    found = []
    if strength is not None:
        found.append(
            Problem("SDF405", "a partly denoised latent goes on where it is: `strength` has no meaning")
        )
    if start_step is not None and start_step != level.step:
        text = f"the latent is at step {level.step}, and cannot start at step {start_step}"
        found.append(Problem("SDF405", text, hint=f"`start-step: {level.step}`, or leave it out"))
    if level.schedule != schedule:
        text = "the latent comes from another schedule: its noise is not the noise of that step here"
        hint = "give both parts the same number of steps, and samplers with the same spacing of noise levels"
        found.append(Problem("SDF406", text, hint=hint))
    return found
