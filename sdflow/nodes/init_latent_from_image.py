"""`init-latent-from-image`: where a picture from a picture starts."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import CLEAN, Image, ImageSpec, Latent, LatentSpec, Model

_NO_ALPHA = "write alpha: drop in its load-image node"


class InitLatentFromImage(Node, type="init-latent-from-image", version=1):
    """Encode a picture with the model's VAE; item i of a batch uses seed + i."""

    outputs = {"latent": "Latent"}
    lane = "device"
    numeric = True

    model: Input[Model]
    """The model whose VAE encodes the picture."""
    image: Input[Image]
    """The picture; its sides must be multiples of the VAE's factor (8)."""
    seed: Seed = 0
    """Seed of the first item, a list with one for each item, or random. Also that of the noise added later."""
    batch: int = Field(1, ge=1, le=1024)
    """How many pictures to make from one picture."""

    def components(self, model: Model) -> frozenset[str]:
        """The VAE."""
        return frozenset({"vae"})

    def infer(self, facts: Facts, model: Model, image: ImageSpec) -> Mapping[str, LatentSpec]:
        """The latent's shape.

        Raises:
            Refusal: a side that is no multiple of the VAE's factor, or batches that do not fit.
        """
        factor = model.space.factor
        if image.height % factor or image.width % factor:
            raise Refusal(
                f"the picture is {image.width}×{image.height}, which are not multiples of {factor}",
                field="image",
                hint=f"put a resize-image node with multiple-of: {factor} before it",
            )
        if image.channels != 3:  # noqa: PLR2004 - red, green, blue
            raise Refusal(
                "the picture has an alpha channel, which a VAE cannot encode", field="image", hint=_NO_ALPHA
            )
        if image.batch != 1 and self.batch not in (1, image.batch):
            raise Refusal(f"{image.batch} pictures for a batch of {self.batch}", field="batch")
        batch = max(image.batch, self.batch)
        try:
            seeds_of(self.seed, batch)
        except ValueError as error:
            raise Refusal(str(error), field="seed") from error
        height, width = image.height // factor, image.width // factor
        return {"latent": LatentSpec(batch, height, width, model.space, CLEAN)}

    def cost(self, model: Model, image: ImageSpec) -> Cost:
        """One pass of the encoder for each item; about 2,000 bytes for each pixel of it."""
        pixels = image.height * image.width
        return Cost(max(image.batch, self.batch) * pixels, pixels * 2000)

    def run(self, ctx: RunContext, model: Model, image: Image) -> Latent:
        """Encode item by item, each with its own stream."""
        from sdflow.diffusion.streams import streams_from_seeds
        from sdflow.diffusion.vae import encode_image

        batch = max(image.pixels.shape[0], self.batch)
        with ctx.module(model, "vae") as vae:
            return encode_image(
                vae, image, streams_from_seeds(seeds_of(self.seed, batch)), model.space, str(ctx.device)
            )
