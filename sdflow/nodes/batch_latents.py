"""`batch-latents`: several latents as one batch."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_other_sizes, refuse_unlike
from sdflow.values import Latent, LatentSpec


class BatchLatents(Node, type="batch-latents", version=1):
    """Stack latents of one size into one batch, so that they are denoised together; each keeps its random stream."""

    outputs = {"latent": "Latent"}

    latents: tuple[Input[Latent], ...] = Field(min_length=2)
    """The latents, themselves batches or not."""

    def infer(self, facts: Facts, latents: tuple[LatentSpec, ...]) -> Mapping[str, LatentSpec]:
        """As many items as all have together.

        Raises:
            Refusal: spaces, levels or sizes differ.
        """
        refuse_unlike(latents, "latents")
        refuse_other_sizes(latents, "latents", latents[0].space.factor)
        return {"latent": replace(latents[0], batch=sum(latent.batch for latent in latents))}

    def cost(self, latents: tuple[LatentSpec, ...]) -> Cost:
        """Next to nothing."""
        return Cost(sum(latent.batch * latent.height * latent.width for latent in latents))

    def run(self, ctx: RunContext, latents: tuple[Latent, ...]) -> Latent:
        """Stack them."""
        from sdflow.diffusion.latent_shapes import stacked

        return stacked(latents)
