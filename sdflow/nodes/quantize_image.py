"""`quantize-image`: a picture in few colours."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.colour import GivenColour
from sdflow.values import Image, ImageSpec


class QuantizeImage(Node, type="quantize-image", version=1):
    """Reduce a picture to few colours, chosen for it or given as a palette, in 8 bits."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    colours: int = Field(16, ge=2, le=256)
    """How many colours to choose."""
    palette: tuple[GivenColour, ...] = Field((), max_length=256)
    """The colours to use, in place of chosen ones."""
    method: Literal["median-cut", "max-coverage", "octree"] = "median-cut"
    """How colours are chosen."""
    dither: bool = True
    """Mix neighbouring colours by Floyd and Steinberg's error diffusion."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The size stays.

        Raises:
            Refusal: a palette together with what chooses one.
        """
        for field in ("colours", "method"):
            if self.palette and field in self.model_fields_set:
                message = f"{field} is for colours that are chosen, and there is a palette"
                raise Refusal(message, field=field, code="SDF214", hint=f"leave {field} out")
        return {"image": replace(image, depth=8)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Reduce it."""
        from sdflow.pictures.colour import parse_colour
        from sdflow.pictures.effects import quantize

        return quantize(
            image,
            colours=self.colours,
            palette=[parse_colour(colour) for colour in self.palette],
            method=self.method,
            dither=self.dither,
        )
