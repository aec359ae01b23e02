"""`crop-image`: a part of a picture."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec

_MOST = 65536.0


class CropImage(Node, type="crop-image", version=1):
    """Cut out a part of a picture. What is not said reaches to the edges; a size alone is cut from the middle."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    left: float | None = Field(None, ge=0, le=_MOST)
    """Distance from the left; by default the middle part is taken."""
    top: float | None = Field(None, ge=0, le=_MOST)
    """Distance from the top; by default the middle part is taken."""
    width: float | None = Field(None, gt=0, le=_MOST)
    """Width of the part; by default the rest."""
    height: float | None = Field(None, gt=0, le=_MOST)
    """Height of the part; by default the rest."""
    unit: Literal["pixels", "fractions"] = "pixels"
    """What the numbers are: pixels, or fractions of the picture's sides."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The part's size.

        Raises:
            Refusal: nothing is said, or the part reaches beyond the picture, or holds no pixel.
        """
        if all(getattr(self, field) is None for field in ("left", "top", "width", "height")):
            raise Refusal("crop-image needs left, top, width or height", code="SDF203")
        left, right = self._span("left", "width", image.width)
        top, bottom = self._span("top", "height", image.height)
        return {"image": replace(image, height=bottom - top, width=right - left)}

    def _span(self, start_field: str, length_field: str, side: int) -> tuple[int, int]:
        """First pixel and the one behind the last, rounded to whole ones."""
        unit = 1 if self.unit == "pixels" else side
        start, length = getattr(self, start_field), getattr(self, length_field)
        if length is None:
            first, last = round((start or 0) * unit), side
        elif start is None:
            count = round(length * unit)
            first = (side - count) // 2
            last = first + count
        else:
            first, last = round(start * unit), round((start + length) * unit)
        if not 0 <= first < last <= side:
            field = start_field if length is None or last <= first else length_field
            message = f"the part goes from {first} to {last}, and the picture from 0 to {side}"
            raise Refusal(message, field=field, code="SDF364")
        return first, last

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Cut it out."""
        from sdflow.pictures.items import image_of

        _, height, width, _ = image.pixels.shape
        left, right = self._span("left", "width", width)
        top, bottom = self._span("top", "height", height)
        return image_of([pixels[top:bottom, left:right] for pixels in image.pixels])
