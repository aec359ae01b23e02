"""`animate`: a batch of pictures as a film."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Animation, AnimationSpec, Image, ImageSpec


class Animate(Node, type="animate", version=1):
    """Show the pictures of a batch one after the other: an output that ends in .gif, .webp or .mp4.

    The states of a preview make the film of a denoise.
    """

    outputs = {"animation": "Animation"}

    image: Input[Image]
    """The frames, a batch: $states.decoded of a preview, or batch-images."""
    fps: float = Field(8.0, ge=0.1, le=120)
    """Frames for each second; GIF takes up to 50."""
    order: Literal["forwards", "backwards", "there-and-back"] = "forwards"
    """In which order frames are shown; there-and-back shows the ends once each time."""
    hold: float = Field(0.0, ge=0, le=60)
    """Seconds for which the last frame stays, beside its own time."""
    loop: int | None = Field(None, ge=0, le=1000)
    """How often GIF and WebP are shown: 0 is for ever, which is what they do when it is left out."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, AnimationSpec]:
        """How many frames, and what is known of them.

        Raises:
            Refusal: a single picture.
        """
        if image.batch == 1:
            hint = "give a batch: $states of a preview, or batch-images"
            raise Refusal("one picture is no animation", field="image", hint=hint)
        count = len(self._order(image.batch))
        spec = AnimationSpec(count, image.height, image.width, self.fps, self.hold, self.loop)
        return {"animation": spec}

    def _order(self, count: int) -> list[int]:
        numbers = list(range(count))
        if self.order == "backwards":
            return numbers[::-1]
        return numbers + numbers[-2:0:-1] if self.order == "there-and-back" else numbers

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Animation:
        """Put the frames in order, at 8 bits."""
        from sdflow.pictures.pil import eight_bits

        frames = eight_bits(image.pixels)[self._order(len(image.pixels))]
        return Animation(Image(frames), self.fps, self.hold, self.loop)
