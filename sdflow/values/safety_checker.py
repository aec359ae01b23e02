"""What tells whether pictures should be shown, as plain data."""

from dataclasses import dataclass
from typing import ClassVar

from sdflow.values.model import Loadable

CHECKER_ROLE = "safety_checker"
"""The role of its only component."""


@dataclass(frozen=True, slots=True)
class SafetyChecker(Loadable):
    """The safety checker of Stable Diffusion 1.x: CLIP's view of a picture, compared with fixed concepts.

    The configuration of its component holds, as `feature_extractor`, how a picture is prepared for it.
    """

    kind: ClassVar[str] = "SafetyChecker"

    def __str__(self) -> str:
        return "safety checker"
