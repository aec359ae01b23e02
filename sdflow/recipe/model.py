"""The recipe as it was read: every part in its place, references and node fields still as written."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from sdflow.composition import Json

FORMAT_VERSION = 1
"""The version of the recipe format that this sdflow reads, `sdflow: 1`."""

PlainType = Literal["int", "float", "string", "bool", "choice", "list", "seed"]
WireType = Literal[
    "animation",
    "conditioning",
    "control",
    "depth-estimator",
    "image",
    "image-prompt",
    "ip-adapter",
    "latent",
    "mask",
    "model",
    "pose-estimator",
    "region",
    "safety-checker",
    "trajectory",
    "upscaler",
]
ParamType = PlainType | WireType
PARAM_TYPES: tuple[str, ...] = (*get_args(PlainType), *get_args(WireType))
_WIRE_TYPES = frozenset(get_args(WireType))
ItemType = Literal["int", "float", "string", "bool"]


class Param(BaseModel):
    """What a caller may change, its type and its limits.

    `steps: 25` is short for `steps: {type: int, default: 25}`. A param without `default` needs a value from
    the caller or the matrix; with `default: null` it may also be null. `seed` takes an integer from 0 to 2^63 - 1, a
    list of them, or the word `random`. `min` and `max` are inclusive and hold for every item of a list.

    A type such as `image` is a kind of output: the param stands for an output of that kind, which the node that uses
    this recipe gives; `default: $node` is the one that the recipe takes when it is run by itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: ParamType = Field(description="What kind of value it takes.")
    default: Any = Field(None, description="Its value when nobody gives one; without it, somebody must.")
    min: int | float | None = Field(None, description="Smallest value, inclusive.")
    max: int | float | None = Field(None, description="Largest value, inclusive.")
    choices: list[Any] | None = Field(None, description="The values it may have.")
    items: ItemType | None = Field(None, description="The type of a list's items.")
    description: str = Field("", description="One line for people.")

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return "default" not in self.model_fields_set

    @property
    def wired(self) -> bool:
        """Whether it stands for an output of a node, and not for a plain value."""
        return self.type in _WIRE_TYPES

    @property
    def kind(self) -> str:
        """The kind of output that it stands for, as nodes call it: `IpAdapter` for `ip-adapter`."""
        return "".join(word.capitalize() for word in self.type.split("-")) if self.wired else ""

    @property
    def optional(self) -> bool:
        """Whether it may be null."""
        return not self.required and self.default is None


class Matrix(BaseModel):
    """Axes over params, and combinations to leave out or to add, as CI systems read them.

    In a recipe the axes stand beside `include` and `exclude`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    axes: dict[str, list[Any]] = Field(default_factory=dict)
    include: tuple[dict[str, Any], ...] = ()
    exclude: tuple[dict[str, Any], ...] = ()


class Recipe(BaseModel):
    """A recipe, format version 1. `nodes` and `outputs` are as written, `$` and all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sdflow: int = FORMAT_VERSION
    name: str
    description: str = ""
    params: dict[str, Param] = Field(default_factory=dict)
    nodes: dict[str, dict[str, Any]]
    outputs: dict[str, str]
    matrix: Matrix | None = None


def json_type(value: Json) -> str:
    """What YAML calls a value, with its article, for messages."""
    names = {
        "NoneType": "null",
        "bool": "a boolean",
        "int": "an integer",
        "float": "a number with a fraction",
        "str": "a text",
        "list": "a list",
        "dict": "a mapping",
    }
    return names.get(type(value).__name__, type(value).__name__)
