"""What a user asks of one plan."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdflow.graph.build import Graph
from sdflow.graph.plan import Choices
from sdflow.problems import Problem, UserError, nearest


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user asks of one plan, by the names in the recipe; with `twice`, all of it runs, each node two times."""

    to: tuple[str, ...] = ()
    force: tuple[str, ...] = ()
    refresh: bool = False
    twice: bool = False


def choices_of(graph: Graph, wishes: Wishes) -> Choices:
    """From names in the recipe to numbers of nodes.

    Raises:
        UserError: names that the recipe does not have.
    """
    problems: list[Problem] = []

    def numbers(name: str) -> Sequence[int]:
        found = graph.named(name)
        if not found:
            near = nearest(name, graph.node_names())
            hint = f"did you mean {near}?" if near else "nodes: " + ", ".join(graph.node_names())
            problems.append(Problem("SDF206", f"there is no node {name}", hint=hint))
        return found

    targets = tuple(number for name in wishes.to for number in numbers(name))
    forced = [number for name in wishes.force if not name.endswith("+") for number in numbers(name)]
    forced_on = [number for name in wishes.force if name.endswith("+") for number in numbers(name[:-1])]
    if problems:
        raise UserError(*problems)
    return Choices(targets, wishes.refresh, frozenset(forced), frozenset(forced_on))
