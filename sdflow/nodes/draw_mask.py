"""`draw-mask`: a mask of simple shapes."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.boxes import BoxField, Unit, refuse_nothing_inside, scale
from sdflow.values import Image, ImageSpec, Mask, MaskSpec

_FEWEST = 3


class DrawMask(Node, type="draw-mask", version=1):
    """Draw a mask: a rectangle, an ellipse, a polygon, or several of them, white on black."""

    outputs = {"mask": "Mask"}

    image: Input[Image] | None = None
    """A picture whose size the mask has, in place of width and height."""
    width: int | None = Field(None, ge=1, le=32768)
    """Width in pixels, where there is no image."""
    height: int | None = Field(None, ge=1, le=32768)
    """Height in pixels, where there is no image."""
    rectangle: BoxField | None = None
    """left, top, width and height."""
    ellipse: BoxField | None = None
    """The box around it: left, top, width and height."""
    polygon: tuple[tuple[float, float], ...] = Field((), max_length=1000)
    """Its corners, each as [from the left, from the top]."""
    unit: Unit = "fractions"
    """What the numbers of shapes are: fractions of the picture's sides (0.5 is the middle), or pixels."""

    def infer(self, facts: Facts, image: ImageSpec | None) -> Mapping[str, MaskSpec]:
        """The size.

        Raises:
            Refusal: no size or two, no shape, or one that lies outside.
        """
        width, height = self._size(image)
        if self.rectangle is None and self.ellipse is None and not self.polygon:
            raise Refusal("draw-mask needs a rectangle, an ellipse or a polygon", code="SDF203")
        if self.polygon and len(self.polygon) < _FEWEST:
            raise Refusal("a polygon has three corners at least", field="polygon", code="SDF364")
        for field in ("rectangle", "ellipse", "polygon"):
            bounds = self._bounds(field, width, height)
            if bounds is not None:
                refuse_nothing_inside(field, bounds, width, height)
        return {"mask": MaskSpec(1, height, width)}

    def _size(self, image: ImageSpec | None) -> tuple[int, int]:
        given = self.width is not None or self.height is not None
        if image is not None:
            if given:
                field = "width" if self.width is not None else "height"
                raise Refusal("the image tells the size already", field=field, code="SDF214")
            return image.width, image.height
        if self.width is None or self.height is None:
            raise Refusal("draw-mask needs width and height, or an image of that size", code="SDF203")
        return self.width, self.height

    def _bounds(self, field: str, width: int, height: int) -> tuple[float, float, float, float] | None:
        if field == "polygon":
            points = self._points(width, height)
            across, down = [x for x, _ in points], [y for _, y in points]
            return (min(across), min(down), max(across), max(down)) if points else None
        box: BoxField | None = getattr(self, field)
        return None if box is None else box.bounds(width, height, self.unit)

    def _points(self, width: int, height: int) -> list[tuple[float, float]]:
        across, down = scale(width, height, self.unit)
        return [(x * across, y * down) for x, y in self.polygon]

    def run(self, ctx: RunContext, image: Image | None) -> Mask:
        """Draw it."""
        from sdflow.pictures.shapes import draw_shapes

        width, height = self._size(None if image is None else image.spec())
        return draw_shapes(
            width,
            height,
            rectangle=self._bounds("rectangle", width, height),
            ellipse=self._bounds("ellipse", width, height),
            polygon=self._points(width, height),
        )
