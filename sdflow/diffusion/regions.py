"""Which entries of a conditioning count in a step, and on which latent elements. Torch-free."""

from collections.abc import Sequence
from typing import Protocol

from sdflow.problems import problem
from sdflow.values import Area, Span


class Bounded(Protocol):
    """What an entry and its spec have in common."""

    @property
    def span(self) -> Span:
        """In which steps it counts."""

    @property
    def strength(self) -> float:
        """How strongly, against others of its side."""

    @property
    def area(self) -> Area | None:
        """The rectangle that it is about; None is the whole picture."""


def active(entries: Sequence[Bounded], step: int, steps: int) -> tuple[int, ...]:
    """The places of the entries that count in step `step` (from 0) of a schedule of `steps`."""
    return tuple(
        place for place, entry in enumerate(entries) if entry.strength > 0 and entry.span.holds(step, steps)
    )


def coverage(start: float, length: float, count: int) -> list[float]:
    """How much of each of `count` equal parts of a side lies between `start` and `start + length`, 0 to 1."""
    first, last = start * count, (start + length) * count
    return [max(0.0, min(last, part + 1) - max(first, part)) for part in range(count)]


def refuse_gaps(
    positive: Sequence[Bounded], *, first: int, last: int, steps: int, height: int, width: int
) -> None:
    """See that from step `first` to before `last` every latent element belongs to an entry.

    Of a mask nothing is known beforehand; it is taken to cover its area.

    Raises:
        UserError: SDF413, a step or a part of the picture that no entry of the prompt counts in.
    """
    seen = set()
    for step in range(first, last):
        places = active(positive, step, steps)
        if places in seen:
            continue
        seen.add(places)
        if not places:
            message = f"no part of the prompt counts in step {step} of {steps}"
            raise problem("SDF413", message, hint="steps are counted from 0; let another part begin there")
        gap = _gap([positive[place].area for place in places], height, width)
        if gap is not None:
            x, y = (f"{100 * part:.0f} %" for part in gap)
            message = f"in step {step} no part of the prompt covers the picture at {x} from the left, {y} from the top"
            hint = "combine the regions with a prompt for the whole picture, or enlarge them"
            raise problem("SDF413", message, hint=hint)


def _gap(areas: Sequence[Area | None], height: int, width: int) -> tuple[float, float] | None:
    """The middle of a latent element that no area touches, as fractions from the left and the top."""
    if None in areas:
        return None
    # A row of latent elements as an integer, one bit for each.
    rows = [0] * height
    for area in areas:
        if area is None:
            continue
        columns = coverage(area.left, area.width, width)
        bits = sum(1 << place for place, part in enumerate(columns) if part > 0)
        for row, part in enumerate(coverage(area.top, area.height, height)):
            rows[row] |= bits if part > 0 else 0
    for row, bits in enumerate(rows):
        free = ~bits & ((1 << width) - 1)
        if free:
            column = (free & -free).bit_length() - 1
            return (column + 0.5) / width, (row + 0.5) / height
    return None
