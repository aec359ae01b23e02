"""`rotate-latent`: a latent turned."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_company
from sdflow.values import Latent, LatentSpec

_QUARTER = 90


class RotateLatent(Node, type="rotate-latent", version=1):
    """Turn a latent clockwise by quarters of a circle."""

    outputs = {"latent": "Latent"}

    latent: Input[Latent]
    """The latent; its random streams go on where they were."""
    angle: Literal[90, 180, 270] = 90
    """Degrees, clockwise."""

    def infer(self, facts: Facts, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """The new shape.

        Raises:
            Refusal: a latent with a mask beside it.
        """
        refuse_company(latent)
        if self.angle % (2 * _QUARTER):
            latent = replace(latent, height=latent.width, width=latent.height)
        return {"latent": latent}

    def cost(self, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(latent.batch * latent.height * latent.width)

    def run(self, ctx: RunContext, latent: Latent) -> Latent:
        """Turn."""
        from sdflow.diffusion.latent_shapes import rotated

        return rotated(latent, self.angle // _QUARTER)
