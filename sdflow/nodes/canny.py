"""`canny`: the edges of a picture, for a ControlNet."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.hints import refuse_alpha
from sdflow.values import Image, ImageSpec

_MOST = 2 * 4 * 255
"""The largest gradient there is: Sobel's derivatives in x and y together."""


class Canny(Node, type="canny", version=1):
    """The edges of a picture, white on black, as ControlNets for Canny's edges are shown them."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture, best at the size of the picture to draw."""
    low_threshold: int = Field(100, ge=0, le=_MOST)
    """Gradients above it go on with an edge that they touch: lower for more detail."""
    high_threshold: int = Field(200, ge=0, le=_MOST)
    """Gradients above it begin an edge."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The picture's size.

        Raises:
            Refusal: OpenCV is missing, thresholds the wrong way round, or a picture with alpha.
        """
        from sdflow.diffusion.canny import missing_requirement

        if missing := missing_requirement():
            hint = 'install it with: pip install "sdflow[hints]"'
            raise Refusal(f"canny needs {missing}", code="SDF430", hint=hint)
        if self.low_threshold > self.high_threshold:
            message = f"{self.low_threshold} is above high-threshold, which is {self.high_threshold}"
            raise Refusal(message, field="low_threshold", hint="exchange them")
        refuse_alpha(image)
        return {"image": ImageSpec(image.batch, image.height, image.width)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Find them."""
        from sdflow.diffusion.canny import canny
        from sdflow.pictures.pil import eight_bits

        return canny(Image(eight_bits(image.pixels)), self.low_threshold, self.high_threshold)
