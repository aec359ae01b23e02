"""Overlapping tiles: where they lie, and how what is made of them is blended into one again.

Lengths are in units: an element of a latent, a pixel of a picture to be enlarged. A tile is read `taken` values wide
for each unit and comes back `given` values wide: 1 and 8 when a VAE decodes, 8 and 1 when it encodes.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Tiling:
    """Square tiles of `size` units; neighbours share at least `overlap`, so that there is room to blend them."""

    size: int
    overlap: int

    def starts(self, length: int) -> tuple[int, ...]:
        """Where tiles begin along a side: spread evenly, the first at the beginning, the last up to the end."""
        if length <= self.size:
            return (0,)
        count = math.ceil((length - self.overlap) / (self.size - self.overlap))
        return tuple(round(place * (length - self.size) / (count - 1)) for place in range(count))

    def spans(self, length: int) -> "tuple[Span, ...]":
        """The tiles along a side, each with what it shares with its neighbours."""
        starts = self.starts(length)
        size = min(self.size, length)
        ends = [start + size for start in starts]
        return tuple(
            Span(
                start,
                size,
                0 if place == 0 else ends[place - 1] - start,
                0 if place == len(starts) - 1 else ends[place] - starts[place + 1],
            )
            for place, start in enumerate(starts)
        )

    def tiles(self, height: int, width: int) -> "Iterator[tuple[Span, Span]]":
        """All tiles, row by row."""
        across = self.spans(width)
        for down in self.spans(height):
            for span in across:
                yield down, span


@dataclass(frozen=True, slots=True)
class Span:
    """A tile along one side: where it begins, how long it is, and what its neighbours before and after cover, too."""

    start: int
    size: int
    before: int
    after: int

    def of(self, times: int) -> slice:
        """Its values, `times` for each unit."""
        return slice(self.start * times, (self.start + self.size) * times)

    def weights(self, times: int) -> torch.Tensor:
        """How much each of its values counts: float32[size · times], rising and falling as a squared sine.

        Those of two neighbours sum to one.
        """
        return _rising(self.size * times, self.before * times) * _rising(
            self.size * times, self.after * times
        ).flip(0)


def _rising(length: int, over: int) -> torch.Tensor:
    if over == 0:
        return torch.ones(length)
    phase = ((torch.arange(length, dtype=torch.float32) + 0.5) / over).clamp(max=1.0)
    # Never quite nothing, for that is what the sum of weights is divided by.
    return (torch.sin(phase * (math.pi / 2)) ** 2).clamp(min=1e-6)


def in_tiles(
    source: torch.Tensor,
    make: Callable[[torch.Tensor], torch.Tensor],
    tiling: Tiling,
    *,
    taken: int = 1,
    given: int = 1,
    on_tile: Callable[[int, int], None] = lambda _done, _total: None,
) -> torch.Tensor:
    """What `make` gives for a tensor [batch, channels, h, w], made tile by tile and blended, on the tensor's device.

    Only one tile is in work at a time. What fits into a single tile is made in one go, to the bit.

    Args:
        source: [batch, channels, height · taken, width · taken].
        make: from [batch, channels, rows · taken, columns · taken] to [batch, others, rows · given, columns · given].
        tiling: sizes in units.
        taken: values of the source for each unit.
        given: values of the result for each unit.
        on_tile: told (tiles done, tiles in all) after each.
    """
    height, width = source.shape[-2] // taken, source.shape[-1] // taken
    places = list(tiling.tiles(height, width))
    if len(places) == 1:
        return make(source)
    made: torch.Tensor | None = None
    total = torch.zeros(height * given, width * given, device=source.device)
    for done, (down, across) in enumerate(places):
        piece = make(source[..., down.of(taken), across.of(taken)])
        if made is None:
            made = torch.zeros(*piece.shape[:2], height * given, width * given, device=source.device)
        share = down.weights(given)[:, None] * across.weights(given)[None, :]
        share = share.to(source.device)
        made[..., down.of(given), across.of(given)] += piece.to(made.dtype) * share
        total[down.of(given), across.of(given)] += share
        on_tile(done + 1, len(places))
    if made is None:
        raise AssertionError("a picture has at least one tile")
    made /= total
    return made
