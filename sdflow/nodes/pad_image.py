"""`pad-image`: a larger canvas, to paint beyond the edges."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.colour import Colour
from sdflow.nodes.fill_masked import refuse_seeds, refuse_unused_fill
from sdflow.values import Image, ImageSpec, Mask, MaskSpec

if TYPE_CHECKING:
    from sdflow.pictures.enlarge import Sides

_MOST = 16384


class PadImage(Node, type="pad-image", version=1):
    """Make the canvas of a picture larger, with a mask of what is new: the first step of outpainting."""

    outputs = {"image": "Image", "mask": "Mask"}

    image: Input[Image]
    """The picture; it keeps its pixels."""
    left: int = Field(0, ge=0, le=_MOST)
    """Pixels to add on the left."""
    top: int = Field(0, ge=0, le=_MOST)
    """Pixels to add at the top."""
    right: int = Field(0, ge=0, le=_MOST)
    """Pixels to add on the right."""
    bottom: int = Field(0, ge=0, le=_MOST)
    """Pixels to add at the bottom."""
    fill: Literal["blur", "edge", "reflect", "noise", "colour"] = "blur"
    """blur goes on from the picture ever more softly, edge repeats its outermost pixels, reflect mirrors it."""
    colour: Colour = "black"
    """The colour; one that is not opaque gives the picture an alpha channel."""
    seed: Seed = 0
    """Seed of the noise of the first item, a list with one for each item, or random."""
    overlap: int = Field(0, ge=0, le=_MOST)
    """In the mask: how many of the picture's own pixels beside a seam are white, too, to be painted anew."""
    feather: int = Field(0, ge=0, le=_MOST)
    """In the mask: within how many pixels of the picture, beyond the overlap, white falls to black."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec | MaskSpec]:
        """The new size.

        Raises:
            Refusal: nothing is added, or too much, seeds that do not fit, or a field that has no effect.
        """
        from sdflow.pictures.enlarge import channels_after_padding
        from sdflow.pictures.opening import MAX_PIXELS

        if not self.model_fields_set & {"left", "top", "right", "bottom"}:
            raise Refusal("pad-image needs left, top, right or bottom", code="SDF203")
        width, height = self._sides().size_after(image.width, image.height)
        if width * height > MAX_PIXELS:
            message = f"{width}×{height} is more than {MAX_PIXELS // 10**6} megapixels"
            raise Refusal(message, code="SDF347")
        refuse_seeds(self.seed, image.batch)
        refuse_unused_fill(self, self.fill)
        channels = channels_after_padding(image.channels, self.fill, self.colour)
        return {
            "image": ImageSpec(image.batch, height, width, channels, image.depth),
            "mask": MaskSpec(1, height, width),
        }

    def _sides(self) -> "Sides":
        from sdflow.pictures.enlarge import Sides

        return Sides(self.left, self.top, self.right, self.bottom)

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the new pixels."""
        width, height = self._sides().size_after(image.width, image.height)
        return Cost(image.batch * width * height)

    def run(self, ctx: RunContext, image: Image) -> Mapping[str, Image | Mask]:
        """Enlarge the canvas."""
        from sdflow.pictures.enlarge import enlarge, new_part

        batch, height, width, _ = image.pixels.shape
        seeds = seeds_of(self.seed, batch)
        sides = self._sides()
        return {
            "image": enlarge(image, sides, fill=self.fill, colour=self.colour, seeds=seeds),
            "mask": new_part(sides, width, height, overlap=self.overlap, feather=self.feather),
        }
