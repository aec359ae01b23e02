"""What to write instead of a word that means nothing here."""

from collections.abc import Iterable

from sdflow.problems import nearest

_MOST = 12


def proposal(word: str, known: Iterable[str], are: str) -> str:
    """The nearest known word as a question, or else the first known words after `are`."""
    known = list(known)
    close = nearest(word, known)
    return f"did you mean `{close}`?" if close else f"{are} {listed(known)}"


def listed(words: Iterable[str]) -> str:
    """The words with commas, the first of them where there are many."""
    words = list(words)
    return ", ".join(words[:_MOST]) + (", …" if len(words) > _MOST else "") if words else "none"
