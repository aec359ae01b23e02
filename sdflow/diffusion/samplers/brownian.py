"""The noise of DPM++ SDE: a Brownian path for each item, drawn on the CPU from a seed of its stream.

Left alone, diffusers draws these paths from an unseeded generator on the run's device. Here each item's
seed is drawn from the item's own stream when the run begins, so that a seed means the same picture every
time, in every batch and on every device; the seeds are part of a stored state, and a path is the same from
wherever it is read.
"""

from collections.abc import Sequence

import torch

_SEEDS_END = 2**63 - 1


def draw_path_seeds(generators: Sequence[torch.Generator]) -> list[int]:
    """One seed from each stream, which moves on by this draw."""
    return [int(torch.randint(0, _SEEDS_END, (), generator=generator)) for generator in generators]


class BrownianPaths:
    """What the scheduler asks for noise: equal to diffusers' own source on the CPU with a list of seeds."""

    def __init__(self, sample: torch.Tensor, sigmas: torch.Tensor, seeds: Sequence[int]) -> None:
        """Make a path over the range of sigmas for each item of `sample`, float[batch, channels, h, w]."""
        from diffusers.schedulers.scheduling_dpmsolver_sde import BrownianTreeNoiseSampler

        lowest, highest = sigmas[sigmas > 0].min().item(), sigmas.max().item()
        self._paths = BrownianTreeNoiseSampler(torch.zeros(sample.shape), lowest, highest, list(seeds))
        self._like = sample.new_empty(0)

    def __call__(self, sigma: torch.Tensor, sigma_next: torch.Tensor) -> torch.Tensor:
        """Noise of unit variance for the way from one sigma to the next."""
        noise: torch.Tensor = self._paths(sigma.cpu(), sigma_next.cpu())
        return noise.to(self._like)
