"""What guides a UNet by a picture: a ControlNet or a T2I-Adapter, as plain data."""

from dataclasses import dataclass
from typing import ClassVar

from sdflow.values.model import Component, Loadable

CONTROL_ROLE = "controlnet"
"""The role of its only component."""


@dataclass(frozen=True, slots=True)
class Control(Loadable):
    """A ControlNet (arXiv:2302.05543), a union of them, or a T2I-Adapter (arXiv:2302.08453)."""

    kind: ClassVar[str] = "Control"

    @property
    def net(self) -> Component:
        """Its only component."""
        return self.components[CONTROL_ROLE]

    @property
    def is_adapter(self) -> bool:
        """Whether it is a T2I-Adapter, which sees the picture alone and is evaluated once."""
        return self.net.class_name == "T2IAdapter"

    @property
    def is_union(self) -> bool:
        """Whether it is trained for several kinds of pictures, and has to be told which this is."""
        return self.net.class_name == "ControlNetUnionModel"

    def __str__(self) -> str:
        return "T2I-Adapter" if self.is_adapter else "ControlNet"
