"""`batch-images`: several pictures as one batch."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_other_sizes
from sdflow.values import Image, ImageSpec


class BatchImages(Node, type="batch-images", version=1):
    """Stack pictures of one size into one batch: to work on them together, or to show them one after the other."""

    outputs = {"image": "Image"}

    images: tuple[Input[Image], ...] = Field(min_length=2)
    """The pictures, themselves batches or not."""

    def infer(self, facts: Facts, images: tuple[ImageSpec, ...]) -> Mapping[str, ImageSpec]:
        """As many items as all have together.

        Raises:
            Refusal: sizes, channels or depths differ.
        """
        refuse_other_sizes(images, "images", 1)
        if len({image.channels for image in images}) > 1:
            hint = "write alpha: drop in the load-image node of those that have one"
            raise Refusal("some of the pictures have an alpha channel", field="images", hint=hint)
        if len({image.depth for image in images}) > 1:
            raise Refusal("some of the pictures have 16 bits for each channel, others 8", field="images")
        return {"image": replace(images[0], batch=sum(image.batch for image in images))}

    def cost(self, images: tuple[ImageSpec, ...]) -> Cost:
        """Next to nothing."""
        return Cost(sum(image.batch * image.height * image.width for image in images))

    def run(self, ctx: RunContext, images: tuple[Image, ...]) -> Image:
        """Stack them."""
        from sdflow.pictures.batches import stacked

        return stacked(images)
