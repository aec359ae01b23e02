"""What stands in a field before params have values, and what becomes of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from sdflow.composition import FieldValue, Json, Ref
from sdflow.problems import Position, Problem, Via
from sdflow.recipe.fitting import MisfitError, fit
from sdflow.recipe.model import Param
from sdflow.recipe.references import ParamRef, escaped

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A value that the node of a recipe gives to one of its params, and that holds params of the outer recipe.

    What it is, and whether it fits, is known in each cell.
    """

    name: str
    param: Param
    value: object
    position: Position | None

    def fitted(self, params: Mapping[str, Json]) -> Json:
        """The value in a cell.

        Raises:
            MisfitError: it does not fit the param.
        """
        return fit(self.param, cast("Json", substituted(self.value, params)))

    def used(self, via: Via) -> "Given":
        """The same, in a file that is used by a node of another one."""
        return Given(
            self.name,
            self.param,
            self.value,
            None if self.position is None else self.position.used(via),
        )


def substituted(value: object, params: Mapping[str, Json]) -> FieldValue:
    """The value in a cell with these params; what does not fit is left as it is, and told by `misfits`."""
    if isinstance(value, ParamRef):
        return params.get(value.name)  # type: ignore[return-value]  # Json is a FieldValue without references
    if isinstance(value, Given):
        try:
            return value.fitted(params)  # type: ignore[return-value]  # as above
        except MisfitError:
            return None
    if isinstance(value, list):
        return [substituted(item, params) for item in value]
    if isinstance(value, dict):
        return {key: substituted(item, params) for key, item in value.items()}
    return value  # type: ignore[return-value]  # a plain value or a Ref


def replaced(value: object, path: Path, change: Callable[[object, Path], object]) -> object:
    """The value with `change` applied to everything in it that is no list and no mapping."""
    if isinstance(value, list):
        return [replaced(item, (*path, place), change) for place, item in enumerate(value)]
    if isinstance(value, dict):
        return {key: replaced(item, (*path, key), change) for key, item in value.items()}
    return change(value, path)


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Everything in a value that is no list and no mapping, what is given to params included."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value
        if isinstance(value, Given):
            yield from ((path, inner) for _, inner in leaves(value.value))


def param_names(value: object) -> Iterator[str]:
    """The params that a value refers to."""
    return (leaf.name for _, leaf in leaves(value) if isinstance(leaf, ParamRef))


def misfits(value: object, params: Mapping[str, Json]) -> Iterator[tuple[Path, Problem]]:
    """What does not fit in a cell, with the path of the field that it is in."""
    for path, leaf in leaves(value):
        if isinstance(leaf, Given):
            try:
                leaf.fitted(params)
            except MisfitError as error:
                yield path, Problem("SDF133", f"`{leaf.name}` {error}", leaf.position, hint=error.hint)


def rewritten(value: object) -> Json:
    """A field's value as it would be written in a recipe."""
    if isinstance(value, Ref | ParamRef):
        return str(value)
    if isinstance(value, Given):
        return rewritten(value.value)
    if isinstance(value, list):
        return [rewritten(item) for item in value]
    if isinstance(value, dict):
        return {str(key): rewritten(item) for key, item in value.items()}
    return escaped(cast("Json", value))
