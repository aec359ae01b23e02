"""A network that makes pictures larger, or better."""

from dataclasses import dataclass
from typing import ClassVar

from sdflow.values.model import Loadable


@dataclass(frozen=True, slots=True)
class Upscaler(Loadable):
    """One component, `upscaler`, whose configuration holds its scale."""

    kind: ClassVar[str] = "Upscaler"

    @property
    def scale(self) -> int:
        """New size divided by the old one; 1 for networks that restore."""
        return int(str(self.components["upscaler"].config["scale"]))

    def __str__(self) -> str:
        return f"{self.components['upscaler'].class_name} ×{self.scale}"
