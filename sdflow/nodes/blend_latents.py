"""`blend-latents`: a latent between two."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_other_sizes, refuse_unlike
from sdflow.values import Latent, LatentSpec


class BlendLatents(Node, type="blend-latents", version=1):
    """A latent between two: clean ones along a line, noise along a circle, so that it stays noise."""

    outputs = {"latent": "Latent"}

    first: Input[Latent]
    """The latent at weight 0; random streams are its."""
    second: Input[Latent]
    """The latent at weight 1: as many items, or one for all."""
    weight: float = Field(0.5, ge=0, le=1)
    """How far from the first to the second."""
    method: Literal["linear", "spherical"] = "linear"
    """Along a straight line, or along a circle; noise takes spherical alone."""

    def infer(self, facts: Facts, first: LatentSpec, second: LatentSpec) -> Mapping[str, LatentSpec]:
        """The shape of the first.

        Raises:
            Refusal: spaces, levels, sizes or batches do not fit, or noise is to be blended linearly.
        """
        refuse_unlike((first, second), "second")
        refuse_other_sizes((first, second), "second", first.space.factor)
        if second.batch not in (1, first.batch):
            raise Refusal(f"{second.batch} latents to blend with {first.batch}", field="second")
        if first.level.kind != "clean" and self.method == "linear":
            hint = "write method: spherical"
            raise Refusal(
                "a straight line between noises leads through less noise", field="method", hint=hint
            )
        return {"latent": first}

    def cost(self, first: LatentSpec, second: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(first.batch * first.height * first.width)

    def run(self, ctx: RunContext, first: Latent, second: Latent) -> Latent:
        """Blend."""
        from sdflow.diffusion.noises import blended

        return blended(first, second, self.weight, spherical=self.method == "spherical")
