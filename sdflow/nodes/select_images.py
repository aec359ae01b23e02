"""`select-images`: some items of a batch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_missing
from sdflow.values import Image, ImageSpec


class SelectImages(Node, type="select-images", version=1):
    """Take some items of a batch, in any order."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The batch."""
    items: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, max_length=1024)
    """Numbers of the items, the first is 0; one may stand there several times."""

    def infer(self, facts: Facts, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """As many items.

        Raises:
            Refusal: an item that the batch does not have.
        """
        refuse_missing(self.items, image.batch)
        return {"image": replace(image, batch=len(self.items))}

    def cost(self, image: ImageSpec) -> Cost:
        """Next to nothing."""
        return Cost(len(self.items) * image.height * image.width)

    def run(self, ctx: RunContext, image: Image) -> Image:
        """Take them."""
        from sdflow.pictures.batches import taken

        return taken(image, self.items)
