"""Which components to let go when room is needed. Pure: the pool asks, and acts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

NEVER = 1 << 62
"""The next use of what the plan does not need any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """A component that is held: its digest, its bytes, how many use it now, and when it was last used."""

    digest: str
    size: int
    users: int
    last_used: int


def next_uses(needs: Iterable[frozenset[str]]) -> dict[str, int]:
    """How many nodes away each component's next use is; `needs` are those of the coming nodes, in order."""
    uses: dict[str, int] = {}
    for distance, digests in enumerate(needs):
        for digest in digests:
            uses.setdefault(digest, distance)
    return uses


def let_go(
    held: Sequence[Held], uses: Mapping[str, int], budget: int | None, room: int = 0
) -> tuple[str, ...]:
    """Digests to let go of, so that `room` more bytes fit into the budget; none without a budget.

    First what is not needed any more, then what is needed farthest from now (Belady's rule), the least
    recently used first among equals. What is in use stays, even when the budget is broken by it.
    """
    if budget is None:
        return ()
    idle = [it for it in held if not it.users]
    idle.sort(key=lambda it: (-uses.get(it.digest, NEVER), it.last_used))
    over = sum(it.size for it in held) + room - budget
    gone: list[str] = []
    for it in idle:
        if over <= 0:
            break
        gone.append(it.digest)
        over -= it.size
    return tuple(gone)
