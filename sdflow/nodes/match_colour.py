"""`match-colour`: the colours of another picture."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.together import batch_together
from sdflow.values import Image, ImageSpec


class MatchColour(Node, type="match-colour", version=1):
    """Give a picture the colours of another one: A1111's "color correction" with what it was made from."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture."""
    reference: Input[Image]
    """The picture with the colours, of any size."""
    method: Literal["mean-std", "histogram"] = "mean-std"
    """mean-std matches mean and spread in CIE Lab (Reinhard et al. 2001), histogram the whole distribution."""
    strength: float = Field(1.0, ge=0, le=1)
    """How far to go."""

    def infer(self, facts: Facts, image: ImageSpec, reference: ImageSpec) -> Mapping[str, ImageSpec]:
        """The size stays.

        Raises:
            Refusal: batches that do not go together.
        """
        return {"image": replace(image, batch=batch_together(image=image, reference=reference))}

    def cost(self, image: ImageSpec, reference: ImageSpec) -> Cost:
        """Proportional to the pixels of both."""
        sizes = (it.batch * it.width * it.height for it in (image, reference))
        return Cost(sum(sizes))

    def run(self, ctx: RunContext, image: Image, reference: Image) -> Image:
        """Match them."""
        from sdflow.pictures.match_colour import match_colour

        return match_colour(image, reference, method=self.method, strength=self.strength)
