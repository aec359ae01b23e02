"""Versions of the recipe format that this sdflow does not read, in words."""

from sdflow.composition import Json
from sdflow.problems import Problem
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.model import json_type


def unknown_version(version: Json, newest: int, marks: TreeMarks) -> Problem:
    """What is wrong with a format version that is none of those that are known."""
    position = marks.at(["sdflow"])
    if type(version) is not int:
        message = f"the format version must be an integer, not {json_type(version)}"
        return Problem("SDF116", message, position, hint=f"write `sdflow: {newest}`")
    message = f"the recipe has format version {version}; this sdflow reads version {newest}"
    if version > newest:
        hint = "upgrade sdflow, or take the recipe as it was before `sdflow migrate` from git"
    else:
        hint = "bring it up to date with `sdflow migrate`" if version > 0 else f"write `sdflow: {newest}`"
    return Problem("SDF116", message, position, hint=hint)
