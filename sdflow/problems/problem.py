"""A problem is one mistake: its code, where it is, what it is, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sdflow.problems.codes import CODES


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text file. Lines and columns count from 1, columns in characters.

    `via` says for what use of the file it counts, where another one uses it; places are the same without it.
    """

    file: str
    line: int
    column: int
    length: int = 1
    via: "Via | None" = field(default=None, compare=False)

    def used(self, via: "Via") -> "Position":
        """The same place, where the file (or the one that uses it) is used by a node of another one."""
        return replace(self, via=via if self.via is None else self.via.used(via))


@dataclass(frozen=True, slots=True)
class Via:
    """The node that uses a file, and where it is written."""

    node: str
    position: Position

    def used(self, via: "Via") -> "Via":
        """The same, where the file of that node is used by a node of another one in turn."""
        return Via(self.node, self.position.used(via))

    def __str__(self) -> str:
        further = f", {self.position.via}" if self.position.via is not None else ""
        return f"used by node {self.node} in {self.position.file}:{self.position.line}{further}"


class Marks(Protocol):
    """Where the parts of one mapping of a recipe stand in its file."""

    def at(self, path: Sequence[str | int], *, key: bool = False) -> Position | None:
        """The position of the value at `path` (of its key, with `key`).

        Parts of the path that are not in the file are skipped and the nearest enclosing mark is given,
        because a validator's path names things, such as union members, that the file does not.
        """


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of a user's, ready to be shown."""

    code: str
    message: str
    position: Position | None = None
    node: str | None = None
    hint: str | None = None

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise KeyError(self.code)

    def placed(self, position: Position | None, node: str | None = None) -> "Problem":
        """The same problem at a position, unless it has one already."""
        return replace(self, position=self.position or position, node=self.node or node)

    def used(self, via: Via) -> "Problem":
        """The same problem, in a file that is used by a node of another one."""
        return self if self.position is None else replace(self, position=self.position.used(via))

    def line(self) -> str:
        """`recipe.yaml:12:5: SDF204 the message`, without the source line."""
        where = ""
        if self.position is not None:
            where = f"{self.position.file}:{self.position.line}:{self.position.column}: "
        elif self.node is not None:
            where = f"{self.node}: "
        return f"{where}{self.code} {self.message}"


class UserError(Exception):
    """Mistakes of the user's, all of those that were found together. Ends a command with exit code 2."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(problem.line() for problem in problems))
        self.problems = problems


def problem(
    code: str, message: str, *, hint: str | None = None, position: Position | None = None
) -> UserError:
    """An error with a single problem, for raising."""
    return UserError(Problem(code, message, position=position, hint=hint))


class NodeFailedError(Exception):
    """A node could not be run, for a reason that only running could show. Ends a command with exit code 1."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint
