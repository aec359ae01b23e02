"""What the shell completes: names of recipes, node types, nodes, params. Nothing here may raise or print."""
# ruff: noqa: ARG001 - click hands all of this to whoever completes

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, split_arg_string

from sdflow.problems import UserError

if TYPE_CHECKING:
    from sdflow.recipe import RecipeFile

_RECIPES = (".yaml", ".yml", ".png", ".jpg", ".jpeg", ".webp")


def complete_types(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Node types."""
    from sdflow.nodes.builtin import default_registry

    return _matching(((it.name, (it.__doc__ or "").split("\n")[0]) for it in default_registry()), incomplete)


def complete_shipped(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Recipes that sdflow brings along."""
    from sdflow.cli.shipped import shipped

    return _matching(((it.name, it.description) for it in shipped()), incomplete)


def complete_nodes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Nodes of the recipe that stands on the command line."""
    recipe = _recipe(ctx)
    if recipe is None:
        return []
    from sdflow.recipe import draft

    written = {name: str(node.get("type", "")) for name, node in recipe.recipe.nodes.items()}
    try:
        inside = draft(recipe).composition.cells[:1]
    except UserError:
        inside = ()
    nodes = written | {spec.name: spec.type for cell in inside for spec in cell.nodes}
    return _matching(nodes.items(), incomplete)


def complete_params(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`name=` for the params of the recipe, and the choices of one whose name is written."""
    recipe = _recipe(ctx)
    if recipe is None:
        return []
    name, equals, _ = incomplete.partition("=")
    if equals:
        found = recipe.recipe.params.get(name)
        choices = found.choices if found is not None and found.choices else []
        return _matching(((f"{name}={choice}", "") for choice in choices), incomplete)
    return _matching(((f"{name}=", it.description) for name, it in recipe.recipe.params.items()), incomplete)


def _recipe(ctx: click.Context) -> "RecipeFile | None":
    from sdflow.composing import recipe_file

    path = ctx.params.get("recipe") or _written()
    if path is None or str(path) == "-":
        return None
    try:
        return recipe_file(Path(path))
    except (UserError, OSError):
        return None


def _written() -> str | None:
    """The recipe among the words of the command line, which click forgets while an option waits for its value."""
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))
    return next((word for word in words if word.lower().endswith(_RECIPES)), None)


def _matching(words: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(word, help=about) for word, about in words if word.startswith(incomplete)]
