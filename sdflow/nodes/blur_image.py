"""`blur-image`: a softer picture."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec

_WIDEST_MEDIAN = 16


class BlurImage(Node, type="blur-image", version=1):
    """Blur a picture, in 8 bits."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    radius: float = Field(2.0, gt=0, le=1024)
    """Radius in pixels."""
    kind: Literal["gaussian", "box", "median"] = "gaussian"
    """gaussian is the usual one; median takes specks away and keeps edges (whole radii up to 16)."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The size stays.

        Raises:
            Refusal: a radius that a median cannot have.
        """
        if self.kind == "median" and not (self.radius.is_integer() and self.radius <= _WIDEST_MEDIAN):
            message = f"a median has a whole radius up to {_WIDEST_MEDIAN}, not {self.radius:g}"
            raise Refusal(message, field="radius", code="SDF211")
        return {"image": replace(image, depth=8)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Blur it."""
        from sdflow.pictures.effects import blur

        return blur(image, self.radius, self.kind)
