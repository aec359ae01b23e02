"""Types for the fields of nodes that mean more than their value: input files and seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from sdflow.problems import UserError

MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class FileMark:
    """Marks a field that names a file which the node reads; keys hold its digest in place of its path."""

    content: str


@dataclass(frozen=True, slots=True)
class PlaceMark:
    """Marks a field that says where a model is, or a mapping that does; a path starts from the recipe's folder."""


@dataclass(frozen=True, slots=True)
class NotInKey:
    """Marks a field that changes how a node runs and never its result."""


Place: TypeAlias = Annotated[str, Field(min_length=1), PlaceMark()]
"""A folder or file beside the recipe, a hub id, an address, or what else names a model."""
ImageFile: TypeAlias = Annotated[str, Field(min_length=1), FileMark("image")]
LatentFile: TypeAlias = Annotated[str, Field(min_length=1), FileMark("latent")]


def told(check: Callable[[str], str]) -> BeforeValidator:
    """A validator from a function that raises `UserError`: its first problem is told at the field."""

    def validate(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return check(value)
        except UserError as error:
            first = error.problems[0]
            context = {"code": first.code, "message": first.message, "hint": first.hint or ""}
            raise PydanticCustomError("told", "{message}", context) from error

    return BeforeValidator(validate)


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What validating a node's fields may ask for.

    `draw` gives the seed for `random`, by its place in a list of seeds; one alone stands at 0.
    """

    draw: Callable[[int], int]


def _draw(value: object, info: ValidationInfo) -> object:
    if isinstance(value, tuple):
        return tuple(_drawn(item, place, info) for place, item in enumerate(value))
    return _drawn(value, 0, info)


def _drawn(value: object, place: int, info: ValidationInfo) -> object:
    if value != "random":
        return value
    if isinstance(info.context, BuildContext):
        return info.context.draw(place)
    raise ValueError("`random` is drawn while planning")


_OneSeed: TypeAlias = Annotated[int, Field(ge=0, le=MAX_SEED)]
Seed: TypeAlias = Annotated[
    _OneSeed | tuple[_OneSeed, ...],
    BeforeValidator(_draw),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_SEED},
                {"const": "random"},
                {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": MAX_SEED},
                    "minItems": 1,
                },
                {"type": "string", "pattern": r"^\$params\."},
            ]
        }
    ),
]


def seeds_of(seed: int | tuple[int, ...], batch: int) -> tuple[int, ...]:
    """One seed per item of a batch: item i has seed + i, or the i-th of a list.

    Raises:
        ValueError: a list of another length than the batch.
    """
    if isinstance(seed, tuple):
        if len(seed) != batch:
            raise ValueError(f"{len(seed)} seeds for a batch of {batch}")
        return seed
    return tuple((seed + item) % (MAX_SEED + 1) for item in range(batch))
