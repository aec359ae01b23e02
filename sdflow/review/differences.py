"""All recipes of two sides, compared."""

from pathlib import Path

from sdflow.composing import compose_recipe
from sdflow.composition import Composition
from sdflow.graph.build import build
from sdflow.problems import Problem, UserError
from sdflow.recipe import Changes, examine
from sdflow.recipe.reading import read_bytes
from sdflow.review.asked import Asked
from sdflow.review.compare import RecipeDiff, compare
from sdflow.review.side import Side
from sdflow.workflow import Session


def differences(session: Session, asked: Asked, *, store: bool) -> list[RecipeDiff]:
    """What there is to say of each recipe; those that say and give the same on both sides are left out.

    Raises:
        UserError: everything that is wrong with recipes of the second side.
    """
    found: list[RecipeDiff] = []
    wrong: list[Problem] = []
    for pair in asked.pairs:
        before, problems = _before(session, asked.before, pair.before)
        try:
            after = _composition(session, asked.after, pair.after)
            names = ("" if problems else pair.before, pair.after)
            found.append(compare(session, before, after, names=names, problems=problems, store=store))
        except UserError as error:
            wrong += error.problems
    if wrong:
        raise UserError(*wrong)
    return [it for it in found if not it.is_empty]


def driven(session: Session, name: str, before: Path | None, after: Path | None) -> RecipeDiff:
    """What git's diff asks for: two files that stand for one recipe, which lies at `name`."""
    base = Path(name).absolute().parent
    made: list[Composition | None] = []
    problems: list[Problem] = []
    for path in (before, after):
        try:
            recipe = (
                examine(read_bytes(path), name, base=base, identity=str(Path(name).resolve()))
                if path
                else None
            )
            made.append(None if recipe is None else compose_recipe(recipe, Changes(), session.registry))
        except UserError as error:
            problems += error.problems
            made.append(None)
    names = (name if before is not None else "", name if after is not None else "")
    return compare(session, made[0], made[1], names=names, problems=problems)


def _before(session: Session, side: Side, name: str) -> tuple[Composition | None, tuple[Problem, ...]]:
    """The first version; what is wrong with it is no reason not to look at the second."""
    try:
        composition = _composition(session, side, name)
        if composition is not None:
            build(composition, session.registry)
    except UserError as error:
        return None, error.problems
    return composition, ()


def _composition(session: Session, side: Side, name: str) -> Composition | None:
    if not name:
        return None
    path = side.root / name
    here = side.root == side.identity_root
    label = str(path) if here and not path.is_relative_to(Path.cwd()) else _shown(side, name)
    identity = str((side.identity_root / name).resolve())
    recipe = examine(read_bytes(path), label, base=path.parent, identity=identity)
    return compose_recipe(recipe, Changes(), session.registry)


def _shown(side: Side, name: str) -> str:
    """What messages call a recipe: its path from here, or with the revision before it as git writes it."""
    if side.root != side.identity_root:
        return f"{side.label}:{name}"
    return str((side.root / name).relative_to(Path.cwd()))
