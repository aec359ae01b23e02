"""Recipes as text: strict YAML with positions, params, references, the matrix and the names of output files."""

from sdflow.recipe.arguments import COMMAND_LINE, Changes
from sdflow.recipe.compose import Draft, compose, draft
from sdflow.recipe.model import Param, Recipe
from sdflow.recipe.reading import RecipeFile, examine, examine_file, parse_recipe, read_recipe
from sdflow.recipe.resolved import resolved_for_cell, to_json, to_yaml, yaml_scalar
from sdflow.recipe.values import Origin

__all__ = [
    "COMMAND_LINE",
    "Changes",
    "Draft",
    "Origin",
    "Param",
    "Recipe",
    "RecipeFile",
    "compose",
    "draft",
    "examine",
    "examine_file",
    "parse_recipe",
    "read_recipe",
    "resolved_for_cell",
    "to_json",
    "to_yaml",
    "yaml_scalar",
]
