"""Whether there is a step in which a span holds."""

from itertools import combinations
from math import gcd

from sdflow.values import Span

_FAR = 1000
"""Steps that a schedule has at most."""


def can_hold(span: Span) -> bool:
    """Whether some step of some schedule is in a span; False only where there is none for certain."""
    if span.from_ >= span.until and span.until < 1:
        return False
    if any((a - b) % gcd(n, m) for (a, n), (b, m) in combinations(span.turns, 2)):
        return False
    if span.until_step is None:
        return True
    steps = range(span.from_step, min(span.until_step, span.from_step + _FAR))
    return any(all(step % count == turn for turn, count in span.turns) for step in steps)
