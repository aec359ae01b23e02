"""The value of every param outside the matrix, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sdflow.composition import Json, Ref
from sdflow.problems import Position, Problem, UserError
from sdflow.recipe.arguments import Argument, Changes
from sdflow.recipe.findings import Findings
from sdflow.recipe.fitting import MisfitError, fit, fit_text
from sdflow.recipe.model import json_type
from sdflow.recipe.proposals import proposal
from sdflow.recipe.reading import RecipeFile, read_bytes
from sdflow.recipe.references import BadReferenceError, read_literal
from sdflow.recipe.source import Source
from sdflow.recipe.yaml12 import parse_yaml


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from; `str()` is what `sdflow config` prints beside it."""

    kind: Literal["default", "values file", "-p", "-s", "caller", "matrix", "--matrix"]
    position: Position | None = None

    def __str__(self) -> str:
        if self.kind == "values file" and self.position is not None:
            return f"values file {self.position.file}:{self.position.line}"
        return self.kind


@dataclass(slots=True)
class Values:
    """Values by param with their origins, the texts they were read from, and what is wrong with them."""

    values: dict[str, Json] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=Findings)

    @property
    def insisted(self) -> list[str]:
        """The params that the caller named one by one, and not in a file of many."""
        return [name for name, origin in self.origins.items() if origin.kind in ("-p", "caller")]

    @property
    def given(self) -> set[str]:
        """The params that the caller gave a value, and no default did."""
        return {name for name, origin in self.origins.items() if origin.kind != "default"}


def read_values(recipe: RecipeFile, changes: Changes, params: tuple[Argument, ...]) -> Values:
    """Defaults, then values files, then values from Python, then `-p`: what comes later wins."""
    found = Values()
    for name, param in recipe.recipe.params.items():
        if not (param.required or isinstance(param.default, Ref)):
            found.values[name] = param.default
            found.origins[name] = Origin("default", recipe.marks.at(["params", name]))
    for path in changes.values_files:
        _read_file(path, recipe, found)
    _take_values(changes.values, recipe, found)
    for argument in params:
        _take_argument(argument, recipe, found)
    return found


def unknown_param(name: str, recipe: RecipeFile, position: Position | None) -> Problem | None:
    """What is wrong with a param of this name; None for one whose declaration is broken."""
    if name in recipe.broken:
        return None
    known = recipe.recipe.params
    hint = (
        proposal(name, [*known, *recipe.broken], "its params are")
        if known
        else "the recipe declares no params"
    )
    return Problem("SDF131", f"the recipe has no param `{name[:40]}`", position, hint=hint)


def _read_file(path: Path, recipe: RecipeFile, found: Values) -> None:
    try:
        tree = parse_yaml(read_bytes(path), str(path))
    except UserError as error:
        found.problems.extend(error.problems)
        return
    found.sources.append(tree.marks.source)
    found.problems.extend(tree.problems)
    if not isinstance(tree.value, dict):
        message = f"a values file is a mapping of params to values, not {json_type(tree.value)}"
        found.problems.append(Problem("SDF119", message, tree.marks.value_position()))
        return
    for name, value in tree.value.items():
        param = recipe.recipe.params.get(name)
        if param is None:
            unknown = unknown_param(name, recipe, tree.marks.at([name], key=True))
            found.problems.extend([unknown] if unknown else [])
            continue
        position = tree.marks.at([name])
        try:
            found.values[name] = fit(param, read_literal(value))
        except BadReferenceError as error:
            found.problems.append(Problem("SDF130", str(error), position, hint=error.hint))
        except MisfitError as error:
            found.problems.append(Problem("SDF133", f"`{name}` {error}", position, hint=error.hint))
        found.origins[name] = Origin("values file", position)


def _take_values(values: Mapping[str, Json], recipe: RecipeFile, found: Values) -> None:
    for name, value in values.items():
        param = recipe.recipe.params.get(name)
        if param is None:
            unknown = unknown_param(name, recipe, None)
            found.problems.extend([unknown] if unknown else [])
            continue
        try:
            found.values[name] = fit(param, value)
        except MisfitError as error:
            found.problems.append(Problem("SDF133", f"`{name}` {error}", hint=error.hint))
        found.origins[name] = Origin("caller")


def _take_argument(argument: Argument, recipe: RecipeFile, found: Values) -> None:
    name = argument.name
    param = recipe.recipe.params.get(name)
    if param is None:
        unknown = unknown_param(name, recipe, argument.at_name())
        if unknown is not None and name in recipe.recipe.nodes:
            unknown = Problem(
                unknown.code,
                unknown.message,
                unknown.position,
                hint=f"`-s nodes.{name}.FIELD=…` sets a field",
            )
        found.problems.extend([unknown] if unknown else [])
        return
    try:
        found.values[name] = fit_text(param, argument.value)
    except MisfitError as error:
        found.problems.append(Problem("SDF133", f"`{name}` {error}", argument.at_value(), hint=error.hint))
    found.origins[name] = Origin("-p", argument.at_value())
