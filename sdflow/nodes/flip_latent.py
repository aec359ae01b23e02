"""`flip-latent`: a latent mirrored."""

from collections.abc import Mapping
from typing import Literal

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_company
from sdflow.values import Latent, LatentSpec


class FlipLatent(Node, type="flip-latent", version=1):
    """Mirror a latent. A VAE does not treat left and right alike, so that small things look slightly different."""

    outputs = {"latent": "Latent"}

    latent: Input[Latent]
    """The latent; its random streams go on where they were."""
    axis: Literal["horizontal", "vertical", "both"] = "horizontal"
    """`horizontal` exchanges left and right, `vertical` top and bottom."""

    def infer(self, facts: Facts, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """The same shape.

        Raises:
            Refusal: a latent with a mask beside it.
        """
        refuse_company(latent)
        return {"latent": latent}

    def cost(self, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(latent.batch * latent.height * latent.width)

    def run(self, ctx: RunContext, latent: Latent) -> Latent:
        """Mirror."""
        from sdflow.diffusion.latent_shapes import flipped

        return flipped(latent, rows=self.axis != "horizontal", columns=self.axis != "vertical")
