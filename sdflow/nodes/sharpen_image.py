"""`sharpen-image`: a crisper picture."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec


class SharpenImage(Node, type="sharpen-image", version=1):
    """Sharpen a picture by unsharp masking (Pillow's UnsharpMask), in 8 bits."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    radius: float = Field(2.0, gt=0, le=256)
    """Radius of the blur that it is compared with, in pixels."""
    amount: float = Field(1.5, ge=0, le=10)
    """How much of the difference to add."""
    threshold: int = Field(3, ge=0, le=255)
    """Differences below this are left alone, so that noise is not sharpened."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The size stays."""
        return {"image": replace(image, depth=8)}

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Sharpen it."""
        from sdflow.pictures.effects import sharpen

        return sharpen(image, radius=self.radius, amount=self.amount, threshold=self.threshold)
