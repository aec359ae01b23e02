"""`crop-latent`: a part of a latent."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import in_elements, refuse_company
from sdflow.values import Latent, LatentSpec

_LARGEST = 16384


class CropLatent(Node, type="crop-latent", version=1):
    """Cut a rectangle out of a latent. All lengths are in pixels of the picture, multiples of the VAE's factor (8)."""

    outputs = {"latent": "Latent"}

    latent: Input[Latent]
    """The latent; its random streams go on where they were."""
    left: int = Field(0, ge=0, le=_LARGEST)
    """Where it begins, from the left."""
    top: int = Field(0, ge=0, le=_LARGEST)
    """Where it begins, from the top."""
    width: int = Field(ge=8, le=_LARGEST)
    """How wide it is."""
    height: int = Field(ge=8, le=_LARGEST)
    """How high it is."""

    def infer(self, facts: Facts, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """The new size.

        Raises:
            Refusal: lengths that are no multiples of the factor, or a rectangle that leads out of the latent.
        """
        refuse_company(latent)
        factor = latent.space.factor
        place = self._place(factor)
        for start, length, there in (("left", "width", latent.width), ("top", "height", latent.height)):
            if place[start] + place[length] > there:
                end = (place[start] + place[length]) * factor
                message = (
                    f"{start} and {length} lead to {end}, and the latent ends at {there * factor} pixels"
                )
                raise Refusal(message, field=length)
        return {"latent": replace(latent, width=place["width"], height=place["height"])}

    def _place(self, factor: int) -> dict[str, int]:
        fields = {"left": self.left, "top": self.top, "width": self.width, "height": self.height}
        return in_elements(fields, factor)

    def cost(self, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(latent.batch * latent.height * latent.width)

    def run(self, ctx: RunContext, latent: Latent) -> Latent:
        """Cut."""
        from sdflow.diffusion.latent_shapes import cropped

        return cropped(latent, **self._place(latent.space.factor))
