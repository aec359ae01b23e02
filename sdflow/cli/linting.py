"""From a recipe to findings about it."""

from pathlib import Path
from typing import Any

from sdflow.cli import options as opt
from sdflow.cli.checking import checked
from sdflow.composing import recipe_file
from sdflow.lint import Subject, lint
from sdflow.problems import Problem
from sdflow.recipe import draft
from sdflow.workflow import Session


def look(session: Session, recipe: Path, options: dict[str, Any]) -> tuple[list[Problem], str]:
    """The findings about a recipe, and what could not be looked at.

    Raises:
        UserError: the recipe is not valid.
    """
    changes = opt.changes_of(dict(options))
    composition = opt.composition_of(recipe, options, session)
    seen = checked(session, composition)
    file = recipe_file(recipe)
    unused = {name: file.marks.at(["params", name], key=True) for name in draft(file, changes).unused}
    subject = Subject(seen.graph, seen.inferred, unused, composition.base)
    note = f"sizes and guidance not looked at: {seen.missing}" if seen.missing else ""
    return lint(subject), note
