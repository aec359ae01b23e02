"""Boxes as fields, in pixels or in fractions of a picture's sides."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from sdflow.graph.node import Refusal

Unit: TypeAlias = Literal["pixels", "fractions"]
_MOST = 65536.0


class BoxField(BaseModel):
    """A box: where it begins, and its sides."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    left: float = Field(0.0, ge=-_MOST, le=_MOST)
    """Distance from the left; below 0 it begins outside."""
    top: float = Field(0.0, ge=-_MOST, le=_MOST)
    """Distance from the top; below 0 it begins outside."""
    width: float = Field(gt=0, le=_MOST)
    """Its width."""
    height: float = Field(gt=0, le=_MOST)
    """Its height."""

    def bounds(self, width: int, height: int, unit: Unit) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in pixels of a picture of this size."""
        across, down = scale(width, height, unit)
        return (
            self.left * across,
            self.top * down,
            (self.left + self.width) * across,
            (self.top + self.height) * down,
        )


def scale(width: int, height: int, unit: Unit) -> tuple[float, float]:
    """Pixels for each unit, along both sides."""
    return (1.0, 1.0) if unit == "pixels" else (float(width), float(height))


def refuse_nothing_inside(
    field: str, bounds: tuple[float, float, float, float], width: int, height: int
) -> None:
    """Refuse bounds that hold the middle of no pixel.

    Raises:
        Refusal: they do not.
    """
    from sdflow.pictures.shapes import pixels_within

    left, top, right, bottom = bounds
    if not pixels_within(left, right, width) or not pixels_within(top, bottom, height):
        raise Refusal(
            f"{field} covers no pixel of the {width}×{height} picture",
            field=field,
            code="SDF364",
            hint="unit says whether numbers are pixels or fractions of the picture's sides",
        )
