"""`rotate-image`: a picture turned."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.colour import Colour
from sdflow.values import Image, ImageSpec


class RotateImage(Node, type="rotate-image", version=1):
    """Turn a picture clockwise. Quarters are exact; other angles are computed bicubically, in 8 bits."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    angle: float = Field(ge=-360, le=360)
    """Degrees, clockwise; below 0 the other way round."""
    expand: bool = True
    """Make the canvas larger so that the corners fit; without it, they are cut off. A quarter always fits."""
    background: Colour = "#000000"
    """Colour in the corners: #rgb, #rrggbb, #rrggbbaa, a name or transparent."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The new size.

        Raises:
            Refusal: expand or a background for quarters, where neither has an effect.
        """
        from sdflow.pictures.turn import channels_after_turn, turned_exactly, turned_size

        exact = turned_exactly(self.angle)
        for field in ("expand", "background"):
            if exact and field in self.model_fields_set:
                raise Refusal(f"{field} has no effect on quarters", field=field, code="SDF214")
        width, height = turned_size((image.width, image.height), self.angle, expand=self.expand)
        channels = channels_after_turn(image.channels, self.angle, self.background)
        return {"image": ImageSpec(image.batch, height, width, channels, image.depth if exact else 8)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Turn it."""
        from sdflow.pictures.turn import turn

        return turn(image, self.angle, expand=self.expand, background=self.background)
