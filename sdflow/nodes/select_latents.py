"""`select-latents`: some items of a batch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_company, refuse_missing
from sdflow.values import Latent, LatentSpec


class SelectLatents(Node, type="select-latents", version=1):
    """Take some items of a batch, in any order."""

    outputs = {"latent": "Latent"}

    latent: Input[Latent]
    """The batch."""
    items: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, max_length=1024)
    """Numbers of the items, the first is 0; one may stand there several times."""

    def infer(self, facts: Facts, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """As many items.

        Raises:
            Refusal: an item that the batch does not have, or a latent with a mask beside it.
        """
        refuse_company(latent)
        refuse_missing(self.items, latent.batch)
        return {"latent": replace(latent, batch=len(self.items))}

    def cost(self, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(len(self.items) * latent.height * latent.width)

    def run(self, ctx: RunContext, latent: Latent) -> Latent:
        """Take them."""
        from sdflow.diffusion.latent_shapes import taken

        return taken(latent, self.items)
