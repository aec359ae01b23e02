"""The lock beside a recipe, read, and what it pins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from sdflow.composition import UsedRecipe
from sdflow.graph.build import Graph
from sdflow.graph.facts import Facts
from sdflow.locking.check import check_lock, check_recipes
from sdflow.locking.lock import Lock
from sdflow.locking.places import Request, with_revisions
from sdflow.locking.text import parse_lock
from sdflow.problems import problem


@dataclass(frozen=True, slots=True)
class Pins:
    """A lock and the file it stands in; `strict` refuses what it does not cover."""

    lock: Lock
    file: str
    strict: bool = False

    def pinned(self, request: object) -> object:
        """A request of the models room with the commits that it was locked to."""
        revisions = {name: place.revision for name, place in self.lock.places.items() if place.revision}
        return with_revisions(cast("Request", request), revisions)

    def check(self, graph: Graph, facts: Facts) -> None:
        """Refuse other bytes than those that the recipe was locked to.

        Raises:
            UserError: SDF753 to SDF755.
        """
        check_lock(graph, facts, self.lock, self.file, strict=self.strict)

    def check_recipes(self, uses: Sequence[UsedRecipe]) -> None:
        """Where nothing may differ, refuse recipes that are used and that were changed since.

        Else they are like the recipe itself: a text that is being worked on.

        Raises:
            UserError: SDF753, SDF754.
        """
        if self.strict:
            check_recipes(uses, self.lock, self.file)


def read_lock(path: Path) -> Lock:
    """The lock in a file.

    Raises:
        UserError: SDF750, it is not there or cannot be read; SDF751, SDF752, it is no lock.
    """
    try:
        return parse_lock(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        hint = "make it with `sdflow lock`"
        raise problem("SDF750", f"there is no lock {path.name} beside the recipe", hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise problem("SDF750", f"{path} cannot be read: {error}") from error
