"""`resize-image`: another size for a picture."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.colour import Colour
from sdflow.values import Image, ImageSpec

Filter = Literal["bicubic", "lanczos", "bilinear", "nearest", "box", "hamming"]
Fit = Literal["stretch", "cover", "contain", "pad"]


class ResizeImage(Node, type="resize-image", version=1):
    """Resize a picture; with one side given, the other one keeps the proportions."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    width: int | None = Field(None, ge=1, le=32768)
    """New width in pixels."""
    height: int | None = Field(None, ge=1, le=32768)
    """New height in pixels."""
    fit: Fit = "stretch"
    """stretch ignores proportions, cover fills and cuts off, contain fits inside, pad fits inside and fills up."""
    filter: Filter = "bicubic"
    """How pixels are computed."""
    multiple_of: int = Field(1, ge=1, le=1024)
    """Round both sides to a multiple, such as the 8 that a VAE needs."""
    background: Colour = "#000000"
    """Colour around a padded picture: #rgb, #rrggbb, #rrggbbaa or a name."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The new size.

        Raises:
            Refusal: neither width nor height is given.
        """
        if self.width is None and self.height is None:
            raise Refusal("resize-image needs width, height or both", code="SDF203")
        from sdflow.pictures.resize import channels_after

        width, height = self._size(image)
        channels = channels_after(image.channels, fit=self.fit, background=self.background)
        return {"image": ImageSpec(image.batch, height, width, channels, image.depth)}

    def _size(self, image: ImageSpec) -> tuple[int, int]:
        from sdflow.pictures.size import size_after

        size = (image.width, image.height)
        return size_after(size, self.width, self.height, fit=self.fit, multiple_of=self.multiple_of)

    def cost(self, image: ImageSpec) -> Cost:
        """Proportional to the pixels."""
        return Cost(image.batch * image.width * image.height)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Resize."""
        from sdflow.pictures.resize import resize

        return resize(
            image,
            self.width,
            self.height,
            fit=self.fit,
            filter=self.filter,
            background=self.background,
            multiple_of=self.multiple_of,
        )
