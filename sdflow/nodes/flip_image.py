"""`flip-image`: a picture in the mirror."""

from collections.abc import Mapping
from typing import Literal

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec


class FlipImage(Node, type="flip-image", version=1):
    """Mirror a picture."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    axis: Literal["horizontal", "vertical", "both"] = "horizontal"
    """horizontal exchanges left and right, vertical top and bottom."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The size stays."""
        return {"image": image}

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Mirror it."""
        from sdflow.pictures.turn import flip

        return flip(image, self.axis)
