"""The matrix section: its form, and every value fitted to its param."""

from dataclasses import dataclass
from typing import Any

from sdflow.composition import Json
from sdflow.problems import Problem, nearest
from sdflow.recipe.fitting import MisfitError, fit
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.model import Matrix, Param, json_type
from sdflow.recipe.references import BadReferenceError, read_literal

MAX_RULES = 1_000
"""Most entries of `include` and of `exclude`."""


@dataclass(frozen=True, slots=True)
class _Context:
    marks: TreeMarks
    params: dict[str, Param]
    broken: frozenset[str]
    problems: list[Problem]


def read_matrix(
    section: Json, marks: TreeMarks, params: dict[str, Param], broken: frozenset[str], problems: list[Problem]
) -> Matrix | None:
    """The matrix with every value as its param holds it; what is wrong is noted and left out."""
    if not isinstance(section, dict):
        message = f"`matrix` is a mapping of params to lists, not {json_type(section)}"
        problems.append(Problem("SDF119", message, marks.at([])))
        return None
    context = _Context(marks, params, broken, problems)
    axes: dict[str, list[Any]] = {}
    for name, values in section.items():
        if name not in ("include", "exclude") and _is_param(context, name, [name]):
            axis = _read_axis(context, name, values)
            if axis:
                axes[name] = axis
    include = _read_rules(context, section, "include")
    exclude = _read_rules(context, section, "exclude")
    for place, rule in enumerate(exclude):
        for name in rule.keys() - axes.keys():
            if name in section:
                continue  # an axis, but a broken one
            message = f"`{name}` is no axis of the matrix, so the exclude cannot match"
            problems.append(Problem("SDF140", message, marks.at(["exclude", place, name], key=True)))
    return Matrix(axes=axes, include=tuple(include), exclude=tuple(exclude))


def check_axis(name: str, values: list[Json]) -> str | None:
    """What is wrong with an axis of fitted values, or None."""
    if not values:
        return f"the axis `{name}` has no values"
    seen = {repr(value) for value in values}
    return None if len(seen) == len(values) else f"the axis `{name}` has a value twice"


def _is_param(context: _Context, name: str, path: list[str | int]) -> bool:
    if name in context.params:
        return True
    if name not in context.broken:
        close = nearest(name, [*context.params, *context.broken])
        hint = f"did you mean `{close}`?" if close else "the matrix varies params; declare it under `params`"
        message = f"the recipe has no param `{name[:40]}`"
        context.problems.append(Problem("SDF140", message, context.marks.at(path, key=True), hint=hint))
    return False


def _read_axis(context: _Context, name: str, values: Json) -> list[Json] | None:
    if not isinstance(values, list):
        message = f"the axis `{name}` must be a list, not {json_type(values)}"
        context.problems.append(
            Problem("SDF119", message, context.marks.at([name]), hint=f"write `{name}: [a, b]`")
        )
        return None
    fitted = [_fitted(context, name, value, [name, place]) for place, value in enumerate(values)]
    good = [value[0] for value in fitted if value is not None]
    if len(good) < len(values):
        return good or None
    wrong = check_axis(name, good)
    if wrong is not None:
        context.problems.append(Problem("SDF141", wrong, context.marks.at([name])))
    return good


def _fitted(context: _Context, name: str, value: Json, path: list[str | int]) -> tuple[Json] | None:
    """The value in a tuple, so that null can be told from nothing."""
    try:
        return (fit(context.params[name], read_literal(value)),)
    except BadReferenceError as error:
        problem = Problem("SDF130", str(error), context.marks.at(path), hint=error.hint)
    except MisfitError as error:
        problem = Problem("SDF133", f"`{name}` {error}", context.marks.at(path), hint=error.hint)
    context.problems.append(problem)
    return None


def _read_rules(context: _Context, section: dict[str, Json], key: str) -> list[dict[str, Json]]:
    rules = section.get(key, [])
    position = context.marks.at([key])
    if not isinstance(rules, list):
        message = f"`{key}` must be a list of mappings, not {json_type(rules)}"
        context.problems.append(Problem("SDF119", message, position))
        return []
    if len(rules) > MAX_RULES:
        context.problems.append(Problem("SDF143", f"`{key}` has more than {MAX_RULES:,} entries", position))
        return []
    read: list[dict[str, Json]] = []
    for place, rule in enumerate(rules):
        if not isinstance(rule, dict) or not rule:
            message = f"an entry of `{key}` is a mapping of params to values"
            context.problems.append(Problem("SDF119", message, context.marks.at([key, place])))
            continue
        fitted = {
            name: _fitted(context, name, value, [key, place, name])
            for name, value in rule.items()
            if _is_param(context, name, [key, place, name])
        }
        read.append({name: value[0] for name, value in fitted.items() if value is not None})
    return read
