"""A recipe as a whole: its own nodes, and those of the recipes that are nodes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdflow.composition import Claim, Ref, UsedRecipe
from sdflow.problems import Position, Problem
from sdflow.recipe.cells import NodeTemplate
from sdflow.recipe.outputs import Output
from sdflow.recipe.reading import RecipeFile

RECIPE = "recipe"
"""The type of the nodes that stand for a recipe."""
Relocate = Callable[[str, tuple[str | int, ...], str, Path, Path], str]
"""`(node type, path of a field, text, folder, other folder)`: the text as it reads from the other folder."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """The nodes of a recipe and of those that it uses, and the outputs that lead to them.

    `is_as_written` says that there was nothing to expand.
    """

    nodes: tuple[NodeTemplate, ...]
    outputs: tuple[Output, ...]
    claims: tuple[Claim, ...] = ()
    uses: tuple[UsedRecipe, ...] = ()
    ports: Mapping[str, Mapping[str, Ref]] = field(default_factory=dict)
    is_as_written: bool = False


def whole_of(
    recipe: RecipeFile,
    nodes: Sequence[NodeTemplate],
    outputs: Sequence[Output],
    problems: list[Problem],
    unknown_at: set[Position],
    *,
    relocate: Relocate,
) -> Expanded:
    """The whole of a recipe; most use no other, and for those nothing further is imported.

    What is wrong is noted; places that cannot be known because of it are added to `unknown_at`.
    """
    wired = any(param.wired for param in recipe.recipe.params.values())
    if not wired and all(node.spec.type != RECIPE for node in nodes):
        return Expanded(tuple(nodes), tuple(outputs), is_as_written=True)
    from sdflow.recipe.expand import expand

    return expand(recipe, nodes, outputs, problems, unknown_at, relocate=relocate)
