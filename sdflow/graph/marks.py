"""Marks on the fields of nodes, also where they stand on a part of a type: `ImageFile | None`."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo


def marks_of(field: FieldInfo) -> Iterator[object]:
    """All marks of a field and of the alternatives of its type; those on items of lists are the items' own."""
    yield from field.metadata
    yield from _inside(field.annotation)


def _inside(annotation: Any) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from annotation.__metadata__
        yield from _inside(annotation.__origin__)
    elif origin in (Union, UnionType):
        for alternative in get_args(annotation):
            yield from _inside(alternative)
