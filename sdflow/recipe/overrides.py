"""`-s nodes.sample.steps=30`: fields of nodes set from outside, on a copy of what is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdflow.composition import Json
from sdflow.problems import Marks, Position, Problem
from sdflow.recipe.arguments import Argument
from sdflow.recipe.fitting import MisfitError, read_flow
from sdflow.recipe.proposals import proposal
from sdflow.recipe.scalars import core_scalar, is_usable

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Overrides:
    """The nodes with fields set; what was set where, by node and path below it; what is wrong."""

    nodes: dict[str, dict[str, Any]]
    places: dict[str, dict[Path, Argument]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OverriddenMarks:
    """The marks of a node of which some values come from the command line."""

    written: Marks
    places: Mapping[Path, Argument]

    def at(self, path: Sequence[str | int], *, key: bool = False) -> Position | None:
        """The place in the command line for what was set there, else the place in the recipe."""
        for length in range(len(path), 0, -1):
            argument = self.places.get(tuple(path[:length]))
            if argument is not None:
                return argument.at_name() if key else argument.at_value()
        return self.written.at(path, key=key)


def set_fields(nodes: Mapping[str, dict[str, Any]], arguments: tuple[Argument, ...]) -> Overrides:
    """The nodes with every argument applied, later ones over earlier ones."""
    result = Overrides(dict(nodes))
    for argument in arguments:
        problem = _set(result, argument)
        if problem is not None:
            result.problems.append(problem)
    return result


def field_value(text: str) -> Json:
    """What a text given to `-s` means: a plain scalar, or YAML's flow form where it begins with `[`, `{` or a quote.

    Raises:
        MisfitError: it cannot be read.
    """
    if text[:1] in ("[", "{", '"', "'"):
        return read_flow(text)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise MisfitError("is not valid UTF-8")
    value = core_scalar(text)
    if not is_usable(value):
        raise MisfitError("is not a number that sdflow can use")
    return value


def _set(result: Overrides, argument: Argument) -> Problem | None:
    head, node, *parts = [*argument.name.split("."), ""]
    parts, at = parts[:-1], argument.at_name()
    if head != "nodes" or not parts or not all([node, *parts]):
        hint = "write `-s nodes.NODE.FIELD=VALUE`; `-p NAME=VALUE` sets a param"
        return Problem("SDF136", f"`{argument.name[:60]}` is no field of a node", at, hint=hint)
    if node not in result.nodes:
        outer = next((it for it in result.nodes if node.startswith(f"{it}/")), None)
        hint = (
            f"`{outer}` is another recipe: set its params, `-s nodes.{outer}.params.NAME=…`"
            if outer is not None
            else proposal(node, result.nodes, "its nodes are")
        )
        return Problem("SDF137", f"the recipe has no node `{node[:40]}`", at, hint=hint)
    try:
        value = field_value(argument.value)
    except MisfitError as error:
        return Problem("SDF133", f"`{argument.value[:40]}` {error}", argument.at_value(), hint=error.hint)
    path = _path(result.nodes[node], parts)
    if isinstance(path, int):
        where = ".".join(["nodes", node, *parts[: path + 1]])
        return Problem("SDF137", f"there is nothing to set at `{where[:60]}`", at)
    result.nodes[node] = _replaced(result.nodes[node], path, value)
    places = result.places.setdefault(node, {})
    for other in [other for other in places if other[: len(path)] == path]:
        del places[other]
    places[path] = argument
    return None


def _path(value: Json, parts: list[str]) -> Path | int:
    """The path that the parts mean, or how many of them exist. The last one may be a new key of a mapping."""
    path: Path = ()
    for depth, part in enumerate(parts):
        if isinstance(value, dict) and (part in value or depth == len(parts) - 1):
            path = (*path, part)
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and part in map(str, range(len(value))):
            path = (*path, int(part))
            value = value[int(part)]
        else:
            return depth
    return path


def _replaced(value: Any, path: Path, new: Json) -> Any:
    """A copy of `value` with `new` at `path`; what is beside the path is shared."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _replaced(
        value.get(path[0]) if isinstance(value, dict) else value[path[0]], path[1:], new
    )
    return copy
