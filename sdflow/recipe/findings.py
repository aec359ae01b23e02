"""A list of problems that does not grow without end."""

from collections.abc import Iterable
from typing import Final, Self

from sdflow.problems import Problem, UserError

MAX_PROBLEMS: Final = 200
"""Problems after which reading stops: nobody reads more, and a hostile file could hold millions."""


class Findings(list[Problem]):
    """Problems in the order they were found.

    Adding to it raises UserError, with all of them, when there are `MAX_PROBLEMS`.
    """

    def append(self, problem: Problem) -> None:
        """Add one."""
        super().append(problem)
        if len(self) >= MAX_PROBLEMS:
            raise UserError(*self)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several."""
        for problem in problems:
            self.append(problem)

    def __iadd__(self, problems: Iterable[Problem]) -> Self:  # type: ignore[misc, override]  # as list has it, narrower
        self.extend(problems)
        return self
