"""`init-latent-from-small-image`: where the x4 upscaler starts."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.init_latent_from_image import refuse_batch
from sdflow.values import NOISE, Image, ImageSpec, Latent, LatentSpec, Model

_ROLE = "low_res_scheduler"
_MOST_NOISE = 350
"""What the published upscaler was trained with, for a `model_index.json` that does not tell."""


class InitLatentFromSmallImage(Node, type="init-latent-from-small-image", version=1):
    """Noise beside a small picture, for the x4 upscaler; item i of a batch uses seed + i."""

    outputs = {"latent": "Latent"}

    model: Input[Model]
    """An upscaler, such as stabilityai/stable-diffusion-x4-upscaler."""
    image: Input[Image]
    """The small picture; the result has four times its sides."""
    noise_level: int = Field(20, ge=0, le=1000)
    """How much noise the small picture gets: more of it leaves more to the model and keeps less of the picture."""
    seed: Seed = 0
    """Seed of the first item, a list with one for each item, or random."""
    batch: int = Field(1, ge=1, le=1024)
    """How many pictures to make from one picture."""

    def described(self, model: Model) -> Json:
        """The latent space, and the schedule of noise for small pictures."""
        space = model.space
        return {**model.describe((_ROLE,)), "space": [space.family, space.channels, space.factor]}

    def infer(self, facts: Facts, model: Model, image: ImageSpec) -> Mapping[str, LatentSpec]:
        """The latent's shape: an element for each pixel.

        Raises:
            Refusal: a model that is no upscaler, a picture with transparency, or batches that do not fit.
        """
        if _ROLE not in model.components:
            raise Refusal(
                "the model is not shown a small picture: it is no upscaler",
                field="model",
                hint="load stabilityai/stable-diffusion-x4-upscaler, or use upscale",
            )
        most = model.traits.get("max_noise_level", _MOST_NOISE)
        if isinstance(most, int) and self.noise_level > most:
            raise Refusal(f"the model knows noise levels up to {most}", field="noise_level", code="SDF204")
        if image.channels != 3:  # noqa: PLR2004 - red, green, blue
            raise Refusal(
                "the picture has an alpha channel",
                field="image",
                hint="write alpha: drop in its load-image node",
            )
        batch = refuse_batch(image, self.batch, self.seed)
        return {"latent": LatentSpec(batch, image.height, image.width, model.space, NOISE, "low-resolution")}

    def cost(self, model: Model, image: ImageSpec) -> Cost:
        """Next to nothing."""
        return Cost(max(image.batch, self.batch) * image.height * image.width)

    def run(self, ctx: RunContext, model: Model, image: Image) -> Latent:
        """Draw both noises, one stream for each item."""
        from sdflow.diffusion.low_resolution import latent_of_small_picture
        from sdflow.diffusion.streams import streams_from_seeds

        batch = max(image.pixels.shape[0], self.batch)
        return latent_of_small_picture(
            image,
            noise_level=self.noise_level,
            scheduler_config=model.components[_ROLE].config,
            streams=streams_from_seeds(seeds_of(self.seed, batch)),
            space=model.space,
        )
