"""The right word for a mistyped one."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_MOST, _LONGEST = 2_000, 100


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when nothing is near enough to be worth proposing.

    Looks at no more than the first 2,000 words and at no words longer than 100 characters, so that it is always fast.
    """
    if len(word) > _LONGEST:
        return None
    known = [name for name in islice(known, _MOST) if len(name) <= _LONGEST]
    folded = {name.casefold().replace("_", "-"): name for name in known}
    found = get_close_matches(word.casefold().replace("_", "-"), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None
