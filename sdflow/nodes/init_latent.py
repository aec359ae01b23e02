"""`init-latent`: where a picture from nothing starts."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import NOISE, Latent, LatentSpec, Model

_LARGEST = 16384


class InitLatent(Node, type="init-latent", version=1):
    """Gaussian noise in the model's latent space; item i of a batch uses seed + i."""

    outputs = {"latent": "Latent"}

    model: Input[Model]
    """The model whose latent space it is."""
    width: int = Field(512, ge=8, le=_LARGEST)
    """Width of the picture in pixels, a multiple of the VAE's factor (8)."""
    height: int = Field(512, ge=8, le=_LARGEST)
    """Height of the picture in pixels, a multiple of the VAE's factor (8)."""
    seed: Seed = 0
    """Seed of the first item, a list with one for each item, or random."""
    batch: int = Field(1, ge=1, le=1024)
    """How many pictures to make at once."""

    def described(self, model: Model) -> Json:
        """Noise depends on the shape of the latent space alone."""
        return {"space": [model.space.family, model.space.channels, model.space.factor]}

    def infer(self, facts: Facts, model: Model) -> Mapping[str, LatentSpec]:
        """The latent's shape.

        Raises:
            Refusal: a side that is no multiple of the VAE's factor, or a list of seeds of another length.
        """
        factor = model.space.factor
        for field, side in (("width", self.width), ("height", self.height)):
            if side % factor:
                below = side // factor * factor
                near = f"{below} and {below + factor}" if below else f"{factor}"
                hint = f"the nearest are {near}"
                raise Refusal(
                    f"{field} {side} is no multiple of {factor}", field=field, code="SDF204", hint=hint
                )
        try:
            seeds_of(self.seed, self.batch)
        except ValueError as error:
            raise Refusal(str(error), field="seed") from error
        height, width = self.height // factor, self.width // factor
        return {"latent": LatentSpec(self.batch, height, width, model.space, NOISE)}

    def cost(self, model: Model) -> Cost:
        """Next to nothing."""
        return Cost(self.batch * self.height * self.width)

    def run(self, ctx: RunContext, model: Model) -> Latent:
        """Draw the noise, one stream for each item."""
        from sdflow.diffusion.streams import draw, streams_from_seeds

        factor = model.space.factor
        shape = (model.space.channels, self.height // factor, self.width // factor)
        noise, streams = draw(streams_from_seeds(seeds_of(self.seed, self.batch)), shape)
        return Latent(noise, streams, model.space, NOISE)
