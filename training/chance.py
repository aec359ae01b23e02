"""Numbers by lot, on the device where they are needed."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Chance:
    """A seeded generator and its device."""

    generator: torch.Generator

    @classmethod
    def of(cls, seed: int, device: torch.device) -> "Chance":
        """A generator of its own."""
        return cls(torch.Generator(device).manual_seed(seed))

    @property
    def device(self) -> torch.device:
        """Where the numbers are."""
        return self.generator.device

    def integers(self, high: int, *size: int) -> Tensor:
        """int64 in [0, high)."""
        return torch.randint(high, size, generator=self.generator, device=self.device)

    def normal(self, *size: int) -> Tensor:
        """float32 of mean 0 and deviation 1."""
        return torch.randn(size, generator=self.generator, device=self.device)

    def uniform(self, *size: int) -> Tensor:
        """float32 in [0, 1)."""
        return torch.rand(size, generator=self.generator, device=self.device)
