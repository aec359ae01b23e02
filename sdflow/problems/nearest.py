"""The right word for a mistyped one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when nothing is near enough to be worth proposing."""
    folded = {name.casefold().replace("_", "-"): name for name in known}
    found = get_close_matches(word.casefold().replace("_", "-"), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None
