"""`mask-from-image`: a mask out of a picture on a wire."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.colour import GivenColour
from sdflow.values import Image, ImageSpec, Mask, MaskSpec

_ALPHA = 4


class MaskFromImage(Node, type="mask-from-image", version=1):
    """Make a mask of a picture: one of its channels, its luminance, or all that has a colour."""

    outputs = {"mask": "Mask"}

    image: Input[Image]
    """The picture."""
    channel: Literal["luminance", "red", "green", "blue", "alpha"] = "luminance"
    """What of the picture to take. luminance is that of Pillow's convert("L")."""
    colour: GivenColour | None = None
    """In place of a channel: white where the picture has this colour."""
    tolerance: int = Field(16, ge=0, le=255)
    """How far from the colour each channel may be, of 255."""
    invert: bool = False
    """Exchange black and white: of alpha, white is then what is transparent."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, MaskSpec]:
        """The picture's size.

        Raises:
            Refusal: alpha of a picture without transparency, or fields that exclude each other.
        """
        if self.colour is not None and "channel" in self.model_fields_set:
            raise Refusal("channel and colour exclude each other", field="channel", code="SDF214")
        if self.colour is None and "tolerance" in self.model_fields_set:
            raise Refusal("tolerance is for a colour", field="tolerance", code="SDF214")
        if self.channel == "alpha" and image.channels != _ALPHA:
            hint = "the channels of the picture are red, green and blue; luminance reads all three"
            raise Refusal("the picture has no alpha channel", field="channel", code="SDF204", hint=hint)
        return {"mask": MaskSpec(image.batch, image.height, image.width)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Mask:
        """Take it."""
        if self.colour is None:
            from sdflow.pictures.mask import mask_of

            return mask_of(image, self.channel, invert=self.invert)
        from sdflow.pictures.colour import parse_colour
        from sdflow.pictures.mask_changes import mask_of_colour

        colour = parse_colour(self.colour)[:3]
        return mask_of_colour(image, colour, self.tolerance, invert=self.invert)
