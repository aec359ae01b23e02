"""`upscale`: a larger picture by resampling."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.resize_image import Filter
from sdflow.values import Image, ImageSpec


class Upscale(Node, type="upscale", version=1):
    """Make a picture larger by plain resampling; no detail is added."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    factor: float = Field(2.0, gt=0, le=16)
    """New size divided by the old one."""
    filter: Filter = "lanczos"
    """How pixels are computed."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The new size."""
        from sdflow.pictures.size import size_after

        width, height = size_after((image.width, image.height), scale=self.factor)
        return {"image": ImageSpec(image.batch, height, width, image.channels, image.depth)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the new pixels."""
        return Cost(image.batch * image.width * image.height * self.factor**2)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Resample."""
        from sdflow.pictures.upscale import upscale

        return upscale(image, self.factor, filter=self.filter)
