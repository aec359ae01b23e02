"""`vary-noise`: variations of a seed."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.add_noise import refuse_seeds
from sdflow.nodes.latents import refuse_company
from sdflow.values import Latent, LatentSpec


class VaryNoise(Node, type="vary-noise", version=1):
    """Move noise a little towards that of another seed: variations of a picture (A1111's variation seed).

    Item i of a batch is moved towards seed + i. For several variations of one picture, give init-latent one seed as
    often as there are items.
    """

    outputs = {"latent": "Latent"}

    latent: Input[Latent]
    """Noise, from init-latent; what samplers draw later is still drawn from its seed."""
    seed: Seed = 0
    """Variation seed of the first item, a list with one for each item, or random."""
    strength: float = Field(0.1, ge=0, le=1)
    """How far: 0 is the noise itself, 1 that of the variation seed."""

    def infer(self, facts: Facts, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """The same shape.

        Raises:
            Refusal: anything but pure noise, or a list of seeds of another length.
        """
        refuse_company(latent)
        if latent.level.kind != "noise":
            hint = "add-noise adds noise to it" if latent.level.kind == "clean" else None
            raise Refusal(
                f"only noise can be varied, and the latent is {latent.level.kind}", field="latent", hint=hint
            )
        refuse_seeds(self.seed, latent.batch)
        return {"latent": latent}

    def cost(self, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(latent.batch * latent.height * latent.width)

    def run(self, ctx: RunContext, latent: Latent) -> Latent:
        """Draw and interpolate."""
        from sdflow.diffusion.noises import varied

        return varied(latent, seeds_of(self.seed, len(latent.samples)), self.strength)
