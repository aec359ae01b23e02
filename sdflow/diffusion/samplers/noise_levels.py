"""Noise levels of a training schedule, and the timesteps of levels that are placed by their size. Torch-free."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache

from sdflow.composition import Json

_RHO = 7.0
"""Of Karras et al. 2022, arXiv:2206.00364, eq. 5."""


def training_sigmas(settings: Mapping[str, Json]) -> tuple[float, ...] | None:
    """√((1 - ᾱ) / ᾱ) of each training timestep; None for schedules that are not reckoned here."""
    if settings["trained_betas"] is not None or settings["rescale_betas_zero_snr"]:
        return None
    start, end, count = settings["beta_start"], settings["beta_end"], settings["num_train_timesteps"]
    if not isinstance(start, float | int) or not isinstance(end, float | int) or not isinstance(count, int):
        return None
    return _sigmas(str(settings["beta_schedule"]), float(start), float(end), count)


@lru_cache(maxsize=8)
def _sigmas(schedule: str, start: float, end: float, count: int) -> tuple[float, ...] | None:
    if schedule == "linear":
        betas = evenly(start, end, count)
    elif schedule == "scaled_linear":
        betas = [root**2 for root in evenly(start**0.5, end**0.5, count)]
    else:
        return None
    kept, sigmas = 1.0, []
    for beta in betas:
        kept *= 1 - beta
        sigmas.append(((1 - kept) / kept) ** 0.5)
    return tuple(sigmas)


def karras(highest: float, lowest: float, steps: int) -> list[float]:
    """Sigmas whose seventh roots are evenly spaced."""
    return [root**_RHO for root in evenly(highest ** (1 / _RHO), lowest ** (1 / _RHO), steps)]


def exponential(highest: float, lowest: float, steps: int) -> list[float]:
    """Sigmas whose logarithms are evenly spaced."""
    return [math.exp(logarithm) for logarithm in evenly(math.log(highest), math.log(lowest), steps)]


def timestep_of(sigma: float, sigmas: Sequence[float]) -> float:
    """The timestep of a noise level, between those of the training schedule linear in its logarithm."""
    below = bisect_right(sigmas, sigma) - 1
    place = min(max(below, 0), len(sigmas) - 2)
    low, high = math.log(sigmas[place]), math.log(sigmas[place + 1])
    share = min(max((low - math.log(sigma)) / (low - high), 0.0), 1.0)
    return place + share


def evenly(first: float, last: float, count: int) -> list[float]:
    """So many numbers from the first to the last, as `numpy.linspace` rounds them."""
    if count == 1:
        return [first]
    step = (last - first) / (count - 1)
    return [*(first + place * step for place in range(count - 1)), last]
