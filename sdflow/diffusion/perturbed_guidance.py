"""Guidance away from perturbed attention (arXiv:2403.17377), as diffusers' pipelines put it together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from sdflow.diffusion.guidance import StepGuidance
from sdflow.diffusion.pag import Pag

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PerturbedGuidance(StepGuidance):
    """The entries of the prompt stand in the batch once more, at its end, and there attention is perturbed."""

    pag: Pag

    @staticmethod
    def ordered(negative: Sequence[T], positive: Sequence[T]) -> list[tuple[T, bool]]:
        """Negatives, the prompt, and the prompt again."""
        return [
            *((it, False) for it in negative),
            *((it, True) for it in positive),
            *((it, True) for it in positive),
        ]

    @property
    def perturbed(self) -> int:
        """As many as the prompt has entries."""
        return self.positives

    def combine(self, prediction: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        """Towards the prompt, and away from the negative side and from what perturbed attention makes."""
        parts = prediction.chunk(self.copies)
        positive = self.average_of_prompt(parts[self.negatives : -self.positives])
        perturbed = self.average_of_prompt(parts[-self.positives :])
        away: torch.Tensor = self.pag.at(timestep) * (positive - perturbed)
        if not self.negatives:
            return positive + away
        negative = self.average_of_negative(parts[: self.negatives], positive)
        return self.rescaled(negative + self.scale * (positive - negative) + away, positive)
