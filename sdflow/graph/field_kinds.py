"""Which fields of a node type, or of a part of one, hold what: inputs, input files, or plain values for the key."""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel

from sdflow.composition import Json
from sdflow.graph.fields import FileMark, NotInKey, PlaceMark
from sdflow.graph.marks import marks_of
from sdflow.graph.part import Part, kebab
from sdflow.graph.wire import Wire

Path: TypeAlias = tuple[str | int, ...]


@cache
def file_fields(holder: type[BaseModel]) -> tuple[tuple[str, FileMark], ...]:
    """Fields that name input files; a value may be None where the type says so."""
    return tuple(
        (name, mark)
        for name, field in holder.model_fields.items()
        for mark in marks_of(field)
        if isinstance(mark, FileMark)
    )


@cache
def place_fields(holder: type[BaseModel]) -> tuple[str, ...]:
    """Fields that say where a model is, or hold a mapping that does."""
    return tuple(
        name
        for name, field in holder.model_fields.items()
        if any(isinstance(mark, PlaceMark) for mark in marks_of(field))
    )


@cache
def input_fields(holder: type[BaseModel]) -> tuple[str, ...]:
    """Fields that hold wires: single ones, optional ones and lists."""
    return tuple(name for name, field in holder.model_fields.items() if "Wire" in str(field.annotation))


@cache
def part_fields(holder: type[BaseModel]) -> tuple[str, ...]:
    """Fields that hold parts: one, an optional one, or a list of them.

    Raises:
        TypeError: a part names input files, which only nodes do.
    """
    found = {name: part_of(holder, name) for name in holder.model_fields}
    for name, part in found.items():
        if part is not None and file_fields(part):
            raise TypeError(f"{holder.__name__}.{name}: a part of a node names no input files")
    return tuple(name for name, part in found.items() if part is not None)


@cache
def wired_fields(holder: type[BaseModel]) -> tuple[str, ...]:
    """Fields that hold wires or parts, in their order."""
    found = {*input_fields(holder), *part_fields(holder)}
    return tuple(name for name in holder.model_fields if name in found)


@cache
def plain_fields(holder: type[BaseModel]) -> tuple[str, ...]:
    """Fields whose values go into the key as they are."""
    left_out = {name for name, _ in file_fields(holder)} | set(wired_fields(holder))
    return tuple(
        name
        for name, field in holder.model_fields.items()
        if name not in left_out and not any(isinstance(mark, NotInKey) for mark in marks_of(field))
    )


def part_of(holder: type[BaseModel], name: str) -> type[Part] | None:
    """The class of the parts that a field holds, if it holds any."""
    models = models_in(holder.model_fields[name].annotation)
    return next((it for it in models if issubclass(it, Part)), None)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The pydantic classes that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def wires_in(path: Path, value: object) -> Iterator[tuple[Path, Wire]]:
    """The wires in a field's value, with their paths."""
    if isinstance(value, Wire):
        yield path, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from wires_in((*path, index), item)
    elif isinstance(value, Part):
        for name in wired_fields(type(value)):
            yield from wires_in((*path, name), getattr(value, name))


def plain_json(value: object) -> Json:
    """What a part, or a list of them, says in plain fields, with defaults filled in."""
    if isinstance(value, tuple):
        return [plain_json(item) for item in value]
    if not isinstance(value, Part):
        return to_json(value)
    holder = type(value)
    plain = {kebab(name): to_json(getattr(value, name)) for name in plain_fields(holder)}
    return plain | parts_json(value)


def parts_json(holder: BaseModel) -> dict[str, Json]:
    """The plain side of all parts of a node, or of a part; those that are not there are left out."""
    values = ((name, getattr(holder, name)) for name in part_fields(type(holder)))
    return {kebab(name): plain_json(value) for name, value in values if value not in (None, ())}


def to_json(value: Any) -> Json:
    """A field's value as JSON. Nested models become mappings, tuples lists, -0.0 is 0.0."""
    if isinstance(value, BaseModel):
        return to_json(value.model_dump(mode="json", by_alias=True))
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, float):
        return value + 0.0  # which makes 0.0 of -0.0: one value has one text
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"{type(value).__name__} cannot be part of a key")
