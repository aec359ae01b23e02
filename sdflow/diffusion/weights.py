"""How much each entry of a conditioning counts at each latent element."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from sdflow.diffusion.regions import coverage
from sdflow.problems import problem
from sdflow.values import Entry


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of entries in their average.

    shares: float[entries, 1 or batch, 1, h, w], which add up to 1 at every latent element.
    covered: bool[1 or batch, 1, h, w], where any entry counts; elsewhere all have shares by their strengths alone.
    """

    shares: torch.Tensor
    covered: torch.Tensor

    def average(self, predictions: Sequence[torch.Tensor]) -> torch.Tensor:
        """The predictions of the entries, float[batch, channels, h, w] each, put together."""
        total = self.shares[0] * predictions[0]
        for share, prediction in zip(self.shares[1:], predictions[1:], strict=True):
            total = total + share * prediction
        return total


def weights_of(
    entries: Sequence[Entry],
    batch: int,
    height: int,
    width: int,
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> Weights | None:
    """Shares in proportion to strength, area and mask; None where one entry alone counts everywhere.

    The part of an element that lies in an area, and the mean of a mask over it, are what it counts there.

    Raises:
        UserError: SDF409, a mask for another batch.
    """
    for entry in entries:
        if entry.mask is not None and len(entry.mask) not in (1, batch):
            raise problem("SDF409", f"{len(entry.mask)} masks for a batch of {batch}")
    if len(entries) == 1 and entries[0].area is None and entries[0].mask is None:
        return None
    maps = [_map(entry, height, width) for entry in entries]
    items = max(len(found) for found in maps)
    strengths = torch.tensor([entry.strength for entry in entries]).view(-1, 1, 1, 1, 1)
    weights = torch.stack([found.expand(items, 1, height, width) for found in maps]) * strengths
    total = weights.sum(dim=0)
    covered = total > 0
    plain = strengths / strengths.sum()
    shares = torch.where(covered, weights / torch.where(covered, total, torch.ones(())), plain)
    return Weights(shares.to(device=device, dtype=dtype), covered.to(device))


def _map(entry: Entry, height: int, width: int) -> torch.Tensor:
    """How much an entry counts without its strength, float32[1 or batch, 1, h, w], 0 to 1."""
    found = torch.ones(1, 1, height, width)
    if entry.area is not None:
        rows = torch.tensor(coverage(entry.area.top, entry.area.height, height))
        columns = torch.tensor(coverage(entry.area.left, entry.area.width, width))
        found = found * rows[:, None] * columns[None, :]
    if entry.mask is not None:
        mask = entry.mask.to(torch.float32)[:, None] / 255
        found = found * torch.nn.functional.interpolate(mask, (height, width), mode="area")
    return found
