"""Wires: what an input of a node holds once the graph is built, and how a node class declares one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

INPUT_PATTERN = r"^\$[A-Za-z][A-Za-z0-9_-]*(\.[a-z-]+)?$"
"""How an input is written in a recipe."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Output `port` of the graph's node number `node`, which is of kind `kind`."""

    node: int
    port: str
    kind: str


@dataclass(frozen=True, slots=True)
class PortKind:
    """The kind of value that an input takes; the pydantic annotation behind `Input[…]`."""

    kind: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept a wire of this kind and nothing else."""
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """In a recipe, an input is written as a reference."""
        return {"type": "string", "pattern": INPUT_PATTERN, "title": self.kind}

    def _check(self, value: object) -> Wire:
        if not isinstance(value, Wire):
            raise PydanticCustomError(
                "reference_needed", "needs a reference to {kind}", {"kind": a(self.kind)}
            )
        if value.kind != self.kind:
            raise PydanticCustomError(
                "wrong_kind", "needs {kind} and got {got}", {"kind": a(self.kind), "got": a(value.kind)}
            )
        return value


def a(kind: str) -> str:
    """`a Latent`, `an Image`."""
    return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


V = TypeVar("V")

if TYPE_CHECKING:

    class Input(Wire, Generic[V]):
        """An input that takes values of kind `V`."""

else:

    class Input:
        """An input that takes values of one kind: `latent: Input[Latent]`."""

        def __class_getitem__(cls, value_class: type) -> object:
            """`Input[Latent]` is a `Wire` that must be of kind Latent."""
            from typing import Annotated

            return Annotated[Wire, PortKind(value_class.kind)]
