"""Parts of a node: mappings within its fields that hold inputs of their own, such as one ControlNet of several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


def kebab(name: str) -> str:
    """A field's name as it stands in recipes."""
    return name.rstrip("_").replace("_", "-")


class Part(BaseModel):
    """A mapping in a field of a node, alone or in a list, whose fields are plain ones, inputs, or parts again.

    As a node's own, its plain fields go into the key as they are and its inputs by what feeds them. `infer`, `cost`
    and `run` get it as a `Given`. It names no input files: those are for nodes.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=kebab,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


P = TypeVar("P", bound=Part)


@dataclass(frozen=True, slots=True)
class Given(Generic[P]):
    """A part, with what is on its inputs: what is planned in `infer` and `cost`, values in `run`."""

    part: P
    inputs: Mapping[str, Any]

    def input(self, name: str, kind: type[T]) -> T:
        """What is on an input, which is of this kind.

        Raises:
            TypeError: it is something else, or absent.
        """
        value = self.inputs[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} is {type(value).__name__} and not {kind.__name__}")
        return value

    def optional(self, name: str, kind: type[T]) -> T | None:
        """What is on an input that may be left out."""
        return None if self.inputs[name] is None else self.input(name, kind)

    def several(self, name: str, kind: type[T]) -> tuple[T, ...]:
        """What is on an input that takes a list.

        Raises:
            TypeError: one of them is something else.
        """
        values = self.input(name, tuple)
        for value in values:
            if not isinstance(value, kind):
                raise TypeError(f"{name} holds {type(value).__name__} and not {kind.__name__}")
        return values
