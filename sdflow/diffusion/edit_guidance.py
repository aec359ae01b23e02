"""Guidance by a picture and by a prompt (arXiv:2211.09800, section 3.2.1), as diffusers' pipelines put it together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from sdflow.diffusion.guidance import StepGuidance

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EditGuidance(StepGuidance):
    """Three parts of the batch: the prompt, the negative prompt, and the negative prompt without the picture."""

    image_scale: float

    @staticmethod
    def ordered(negative: Sequence[T], positive: Sequence[T]) -> list[tuple[T, bool]]:
        """The prompt first; where there is no negative prompt, it is alone."""
        return [*((it, True) for it in positive), *((it, False) for it in (*negative, *negative))]

    @property
    def unshown(self) -> int:
        """The last part."""
        return self.negatives

    def combine(self, prediction: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # as declared
        """Away from no picture towards the picture, and from there towards the prompt."""
        parts = prediction.chunk(self.copies)
        prompted = self.average_of_prompt(parts[: self.positives])
        if not self.negatives:
            return prompted
        shown = self.average_of_negative(parts[self.positives : -self.negatives], prompted)
        unshown = self.average_of_negative(parts[-self.negatives :], prompted)
        guided = unshown + self.scale * (prompted - shown) + self.image_scale * (shown - unshown)
        return self.rescaled(guided, prompted)
