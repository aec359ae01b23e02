"""From a file to a composition: a YAML recipe, or a picture that holds the recipe it was made with."""

import hashlib
import json
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

from sdflow.collector import collector_paused
from sdflow.composition import Composition
from sdflow.graph.build import build
from sdflow.graph.registry import Registry
from sdflow.problems import Problem, UserError
from sdflow.recipe import Changes, RecipeFile, draft, examine, examine_file
from sdflow.relocating import relocation

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
STANDARD_INPUT = "standard input"
"""How messages call the recipe of `-`."""


@collector_paused()
def compose_file(path: Path, changes: Changes, registry: Registry) -> Composition:
    """Read a recipe and fill in what a caller changes about it.

    When the recipe has mistakes of form, its nodes are looked at all the same, so that all mistakes come together.

    Raises:
        UserError: everything that is wrong with it.
    """
    return compose_recipe(recipe_file(path), changes, registry)


def compose_recipe(recipe: RecipeFile, changes: Changes, registry: Registry) -> Composition:
    """The same for a recipe that was read already.

    Raises:
        UserError: everything that is wrong with it.
    """
    drafted = draft(recipe, changes, relocation(registry))
    if not drafted.problems:
        return drafted.composition
    later: tuple[Problem, ...] = ()
    try:
        build(drafted.composition, registry)
    except UserError as error:
        later = error.problems
    raise UserError(*drafted.problems, *drafted.new(later))


def recipe_file(path: Path) -> RecipeFile:
    """The recipe in a YAML file, in a picture that sdflow made, or (`-`) on standard input.

    Raises:
        UserError: it cannot be read, or a picture's input files are not those that it was made from.
    """
    if str(path) == "-":
        return examine(standard_input(), STANDARD_INPUT)
    if path.suffix.lower() not in PICTURES or not path.is_file():
        return examine_file(path)
    from sdflow.provenance.origin import read_origin
    from sdflow.recipe.migration import migrated
    from sdflow.recipe.versions import STEPS

    origin = read_origin(path)
    changed = [
        problem
        for name, digest in sorted(origin.inputs.items())
        if (problem := _changed(path, name, digest)) is not None
    ]
    if changed:
        raise UserError(*changed)
    try:
        text = json.dumps(origin.recipe, ensure_ascii=False, indent=1).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise UserError(Problem("SDF352", f"the recipe in {path} is damaged: {error}")) from error
    # A picture is never rewritten: its recipe is brought to the present version as it is read.
    text = migrated(text, str(path), STEPS).after.encode() if STEPS else text
    return examine(text, str(path), base=path.absolute().parent, identity=str(path.resolve()))


@cache
def standard_input() -> bytes:
    """All of standard input, which can be read only once."""
    return sys.stdin.buffer.read()


def _changed(picture: Path, name: str, digest: str) -> Problem | None:
    """Whether an input file beside a picture is another one than the picture was made from."""
    from sdflow.pictures.input_path import input_path, require_file

    hint = f"{picture.name} was made from a file with {digest}"
    try:
        file = input_path(picture.parent, name)
        require_file(file)
        with file.open("rb") as content:
            found = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
    except UserError as error:
        return replace(error.problems[0], hint=hint)
    except OSError as error:
        return Problem("SDF346", f"{file} cannot be read: {error.strerror}", hint=hint)
    if found != digest:
        return Problem("SDF354", f"{file} is another file now: {found}", hint=hint)
    return None
