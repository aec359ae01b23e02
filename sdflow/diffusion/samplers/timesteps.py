"""At which timestep each step of a schedule begins: diffusers' placement without diffusers. Torch-free.

Needed while planning where a range of steps is given as a fraction. diffusers' pipelines for SDXL count such a fraction
in training timesteps, not in steps: `denoising_end=0.8` ends before the first timestep below 200 of 1000.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise

from sdflow.composition import Json
from sdflow.diffusion.samplers.configuration import scheduler_facts
from sdflow.diffusion.samplers.noise_levels import (
    evenly,
    exponential,
    karras,
    timestep_of,
    training_sigmas,
)
from sdflow.diffusion.samplers.sampler import Sampler
from sdflow.diffusion.samplers.scheduler_classes import SIGMA_FLAGS, SchedulerFacts
from sdflow.diffusion.samplers.table import SAMPLERS
from sdflow.problems import Problem

_ROUNDED = ("KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler")


def step_at(
    sampler: Sampler | None,
    config: Mapping[str, Json],
    *,
    steps: int,
    fraction: float,
    timesteps: Sequence[int] = (),
) -> int:
    """How many steps of a schedule lie before a fraction of it, from 0 to `steps`.

    These are the steps that begin at or above the timestep T - fraction · T. Where the placement of a schedule is not
    known here (beta and lu placements, unusual training schedules) it is the fraction of the steps, rounded.

    Raises:
        UserError: SDF403, as `scheduler_facts`.
    """
    if fraction <= 0 or fraction >= 1:
        return 0 if fraction <= 0 else steps
    facts = scheduler_facts(sampler, config)
    placed = list(timesteps) or first_timesteps(facts, steps)
    training = facts.settings["num_train_timesteps"]
    if placed is None or not isinstance(training, int):
        return round(fraction * steps)
    cutoff = round(training - fraction * training)
    return sum(1 for timestep in placed if timestep >= cutoff)


def refuse_timesteps(
    sampler: Sampler | None, config: Mapping[str, Json], timesteps: Sequence[int]
) -> list[Problem]:
    """What is wrong with timesteps of one's own: the sampler takes none, or they do not fall, or leave the training's.

    Raises:
        UserError: SDF403, as `scheduler_facts`.
    """
    facts = scheduler_facts(sampler, config)
    training, name = facts.settings["num_train_timesteps"], sampler.name if sampler else facts.class_name
    if not facts.about.takes_timesteps or any(facts.settings[flag] for flag in SIGMA_FLAGS):
        takers = ", ".join(
            it.name for it in SAMPLERS.values() if it.about.takes_timesteps and not _placed_by_size(it)
        )
        return [Problem("SDF414", f"sampler {name} takes no timesteps", hint=f"samplers that do: {takers}")]
    if any(one <= other for one, other in pairwise(timesteps)):
        return [Problem("SDF414", "timesteps go from high to low", hint="each is below the one before")]
    if isinstance(training, int) and not all(0 <= timestep < training for timestep in timesteps):
        return [Problem("SDF414", f"timesteps are 0 to {training - 1} with this model")]
    return []


def _placed_by_size(sampler: Sampler) -> bool:
    return any(sampler.overrides.get(flag) for flag in SIGMA_FLAGS)


def first_timesteps(facts: SchedulerFacts, steps: int) -> list[float] | None:
    """The timestep of the first evaluation in each step, None where it is not known here."""
    settings, about = facts.settings, facts.about
    training = settings["num_train_timesteps"]
    if not isinstance(training, int):
        return None
    if about.grid == "consistency":
        original = settings["original_inference_steps"]
        return _distilled(training, original, steps) if isinstance(original, int) else None
    if facts.class_name == "PNDMScheduler" and not settings["skip_prk_steps"]:
        return None
    even = _spaced(facts, training, steps)
    flags = [flag for flag in SIGMA_FLAGS if settings[flag]]
    if even is None or not flags:
        return even
    return _by_sigma(facts, flags[0], even)


def _spaced(facts: SchedulerFacts, training: int, steps: int) -> list[float] | None:
    """Evenly in the training timesteps; solvers in log-SNR have one point more, which is left out."""
    settings, logarithmic = facts.settings, facts.about.grid == "log-snr"
    spacing, offset = settings["timestep_spacing"], settings["steps_offset"]
    points = steps + 1 if logarithmic else steps
    found: list[float]
    if spacing == "linspace":
        found = evenly(0, training - 1, points)[::-1]
    elif spacing == "leading" and isinstance(offset, int):
        ratio = training // points
        found = [float(place * ratio + offset) for place in range(points)][::-1]
    elif spacing == "trailing":
        ratio_back = training / steps
        count = math.ceil(training / ratio_back)
        found = [float(round(training - place * ratio_back) - 1) for place in range(count)]
        return found[:steps]
    else:
        return None
    whole = facts.about.grid != "sigmas"
    return [float(round(it)) if whole else _float32(it) for it in found[:steps]]


def _by_sigma(facts: SchedulerFacts, flag: str, even: Sequence[float]) -> list[float] | None:
    place = {"use_karras_sigmas": karras, "use_exponential_sigmas": exponential}.get(flag)
    sigmas = training_sigmas(facts.settings)
    if place is None or sigmas is None:
        return None
    highest, lowest = sigmas[-1], sigmas[0]
    logarithmic = facts.about.grid == "log-snr"
    if not logarithmic:
        highest, lowest = _between(sigmas, even[0]), _between(sigmas, even[-1])
    found = [timestep_of(sigma, sigmas) for sigma in place(highest, lowest, len(even))]
    if logarithmic and flag == "use_exponential_sigmas":
        return [float(int(it)) for it in found]
    rounded = flag == "use_karras_sigmas" and (logarithmic or facts.class_name in _ROUNDED)
    return [float(round(it)) for it in found] if rounded else found


def _distilled(training: int, original: int, steps: int) -> list[float]:
    """A choice of the timesteps that a consistency model was distilled at, evenly from the highest."""
    each = training // original
    taught = [number * each - 1 for number in range(1, original + 1)][::-1]
    return [float(taught[math.floor(place * (original / steps))]) for place in range(steps)]


def _between(sigmas: Sequence[float], timestep: float) -> float:
    place = min(int(timestep), len(sigmas) - 2)
    share = timestep - place
    return sigmas[place] + share * (sigmas[place + 1] - sigmas[place])


def _float32(number: float) -> float:
    """The number in single precision, as schedulers that work in sigmas keep their timesteps."""
    return float(struct.unpack("f", struct.pack("f", number))[0])
