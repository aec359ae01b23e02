"""Goldens below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from sdflow.composing import PICTURES
from sdflow.golden.reference import FILE, FOLDER
from sdflow.problems import problem

_RECIPES = (".yaml", ".yml", *sorted(PICTURES))


def recipes_with_golden(folder: Path) -> list[Path]:
    """The recipes below a folder that have a golden beside them; folders whose name begins with a dot are left out.

    Raises:
        UserError: SDF760, there is none; SDF766, a golden has no recipe beside it.
    """
    found = [_recipe_of(golden) for golden in sorted(_goldens(folder))]
    if not found:
        hint = "make one with `sdflow golden record RECIPE`"
        raise problem("SDF760", f"no recipe in {folder} or below it has a golden", hint=hint)
    return found


def _goldens(folder: Path) -> Iterator[Path]:
    for place, folders, _ in os.walk(folder):
        for name in folders:
            if name.endswith(FOLDER) and (Path(place) / name / FILE).is_file():
                yield Path(place) / name
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith(FOLDER)]


def _recipe_of(golden: Path) -> Path:
    for suffix in _RECIPES:
        recipe = golden.with_suffix(suffix)
        if recipe.is_file():
            return recipe
    hint = "remove it, or give it the name that the recipe has now"
    raise problem("SDF766", f"{golden} belongs to a recipe that is not there", hint=hint)
