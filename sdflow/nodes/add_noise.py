"""`add-noise`: noise on a clean latent."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import refuse_company
from sdflow.values import Latent, LatentSpec


class AddNoise(Node, type="add-noise", version=1):
    """Add a little noise to a clean latent, from which a second denoise makes detail; item i uses seed + i.

    The latent counts as clean: denoise adds the noise of its strength to it. To vary noise itself there is vary-noise.
    """

    outputs = {"latent": "Latent"}

    latent: Input[Latent]
    """A clean latent; its random streams go on where they were."""
    seed: Seed = 0
    """Seed of the first item, a list with one for each item, or random."""
    strength: float = Field(0.1, ge=0, le=10)
    """Standard deviation of the noise; that of a picture's latent is about 1."""

    def infer(self, facts: Facts, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """The same shape.

        Raises:
            Refusal: a latent that is noisy already, or a list of seeds of another length.
        """
        refuse_company(latent)
        if latent.level.kind != "clean":
            hint = (
                "vary-noise moves noise towards that of another seed"
                if latent.level.kind == "noise"
                else None
            )
            raise Refusal(
                "only a clean latent can be given noise: this one has noise in it", field="latent", hint=hint
            )
        refuse_seeds(self.seed, latent.batch)
        return {"latent": latent}

    def cost(self, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(latent.batch * latent.height * latent.width)

    def run(self, ctx: RunContext, latent: Latent) -> Latent:
        """Draw and add."""
        from sdflow.diffusion.noises import noised

        return noised(latent, seeds_of(self.seed, len(latent.samples)), self.strength)


def refuse_seeds(seed: int | tuple[int, ...], batch: int) -> None:
    """Refuse a list of seeds of another length than the batch.

    Raises:
        Refusal: the numbers differ.
    """
    try:
        seeds_of(seed, batch)
    except ValueError as error:
        raise Refusal(str(error), field="seed") from error
