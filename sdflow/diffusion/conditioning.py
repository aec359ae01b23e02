"""Conditionings out of conditionings: merged, averaged, joined, zeroed."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from sdflow.values import Entry, Mask


def merged(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Entries that differ in nothing but their strength become one, as strong as they are together."""
    found: list[Entry] = []
    for entry in entries:
        for place, other in enumerate(found):
            if _alike(entry, other):
                found[place] = replace(other, strength=other.strength + entry.strength)
                break
        else:
            found.append(entry)
    return tuple(found)


def averaged(first: Sequence[Entry], second: Entry, weight: float) -> tuple[Entry, ...]:
    """Every entry of `first`, moved towards `second`: embeddings · (1 - weight) + those of `second` · weight.

    Of embeddings of different lengths the shorter ones get zeros at their end. At 0 and 1 they are those of one side,
    and as long. The rest of each entry stays.
    """
    return tuple(
        replace(
            entry,
            embeddings=_between(entry.embeddings, second.embeddings, weight),
            pooled=None
            if entry.pooled is None or second.pooled is None
            else _between(entry.pooled[:, None], second.pooled[:, None], weight)[:, 0],
        )
        for entry in first
    )


def joined(first: Sequence[Entry], others: Sequence[Entry]) -> tuple[Entry, ...]:
    """Every entry of `first` with the tokens of the others behind its own; pooled embeddings stay."""
    return tuple(
        replace(entry, embeddings=_one_after_the_other([entry.embeddings, *(it.embeddings for it in others)]))
        for entry in first
    )


def zeroed(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Zeros in place of embeddings and pooled embeddings."""
    return tuple(
        replace(
            entry,
            embeddings=torch.zeros_like(entry.embeddings),
            pooled=None if entry.pooled is None else torch.zeros_like(entry.pooled),
        )
        for entry in entries
    )


def masked(entries: Sequence[Entry], mask: torch.Tensor) -> tuple[Entry, ...]:
    """Entries that count where the mask (uint8[1 or batch, height, width]) lets them, times masks that they had."""
    return tuple(replace(entry, mask=_product(entry.mask, mask)) for entry in entries)


def mask_tensor(mask: Mask) -> torch.Tensor:
    """The pixels of a mask as a tensor of its own, uint8[batch, height, width]."""
    return torch.from_numpy(mask.pixels.copy())


def _alike(one: Entry, other: Entry) -> bool:
    return (
        (one.span, one.area) == (other.span, other.area)
        and one.tensors.keys() == other.tensors.keys()
        and all(_equal(tensor, other.tensors[name]) for name, tensor in one.tensors.items())
    )


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _between(first: torch.Tensor, second: torch.Tensor, weight: float) -> torch.Tensor:
    """Linear interpolation in float32; float[batch, tokens, width] in the first one's dtype."""
    batch = max(len(first), len(second))
    if weight in (0, 1):
        end = second if weight else first
        return end.to(first.dtype).expand(batch, -1, -1).clone()
    tokens = max(first.shape[1], second.shape[1])
    ends = [
        torch.nn.functional.pad(it.to(torch.float32), (0, 0, 0, tokens - it.shape[1])).expand(batch, -1, -1)
        for it in (first, second)
    ]
    return torch.lerp(ends[0], ends[1], weight).to(first.dtype)


def _one_after_the_other(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    batch = max(map(len, parts))
    return torch.cat([part.to(parts[0].dtype).expand(batch, -1, -1) for part in parts], dim=1)


def _product(one: torch.Tensor | None, other: torch.Tensor) -> torch.Tensor:
    if one is None:
        return other
    # Of 0 to 255 each, rounded to the nearest.
    return ((one.to(torch.int32) * other.to(torch.int32) + 127) // 255).to(torch.uint8)
