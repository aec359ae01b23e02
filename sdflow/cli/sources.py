"""The texts that problems point into."""

from collections.abc import Iterable
from pathlib import Path

from sdflow.problems import Problem


def sources_of(problems: Iterable[Problem]) -> dict[str, str]:
    """The text of every file that a problem is in, as far as it can be read."""
    texts: dict[str, str] = {}
    for name in {problem.position.file for problem in problems if problem.position is not None}:
        try:
            texts[name] = Path(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return texts
