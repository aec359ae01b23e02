"""`init-latent-to-edit`: where a model that edits pictures by instructions starts."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.models.family import EDIT, shown_beside_of
from sdflow.nodes.init_latent_from_image import refuse_batch, refuse_picture
from sdflow.values import NOISE, Image, ImageSpec, Latent, LatentSpec, Model

_SCALED = "is_cosxl_edit"


class InitLatentToEdit(Node, type="init-latent-to-edit", version=1):
    """Noise beside a picture to edit, for InstructPix2Pix and its kin; item i of a batch uses seed + i."""

    outputs = {"latent": "Latent"}
    lane = "device"
    numeric = True

    model: Input[Model]
    """A model that edits pictures, such as timbrooks/instruct-pix2pix."""
    image: Input[Image]
    """The picture; its sides must be multiples of the VAE's factor (8)."""
    seed: Seed = 0
    """Seed of the first item, a list with one for each item, or random."""
    batch: int = Field(1, ge=1, le=1024)
    """How many pictures to make from one picture."""

    def components(self, model: Model) -> frozenset[str]:
        """The VAE."""
        return frozenset({"vae"})

    def described(self, model: Model) -> Json:
        """The VAE, and the scale at which the UNet takes the picture."""
        described = model.describe(("vae",))
        return {**described, "scaled": True} if model.traits.get(_SCALED) is True else described

    def infer(self, facts: Facts, model: Model, image: ImageSpec) -> Mapping[str, LatentSpec]:
        """The latent's shape.

        Raises:
            Refusal: a model that edits no pictures, a picture that cannot be encoded, or batches that do not fit.
        """
        if shown_beside_of(model.components["unet"].config) != EDIT:
            raise Refusal(
                "the model does not edit pictures: its UNet is not shown any",
                field="model",
                code="SDF437",
                hint="load timbrooks/instruct-pix2pix, or use init-latent-from-image and a strength",
            )
        refuse_picture(image, model.space.factor)
        batch = refuse_batch(image, self.batch, self.seed)
        factor = model.space.factor
        height, width = image.height // factor, image.width // factor
        return {"latent": LatentSpec(batch, height, width, model.space, NOISE, EDIT)}

    def cost(self, model: Model, image: ImageSpec) -> Cost:
        """One pass of the encoder for each picture; about 2,000 bytes for each pixel of it."""
        pixels = image.height * image.width
        return Cost(image.batch * pixels, pixels * 2000)

    def run(self, ctx: RunContext, model: Model, image: Image) -> Latent:
        """Encode the pictures, and draw noise from one stream for each item."""
        from sdflow.diffusion.edit import latent_to_edit
        from sdflow.diffusion.streams import streams_from_seeds

        batch = max(image.pixels.shape[0], self.batch)
        with ctx.module(model, "vae") as vae:
            return latent_to_edit(
                vae,
                image,
                streams=streams_from_seeds(seeds_of(self.seed, batch)),
                space=model.space,
                scaled=model.traits.get(_SCALED) is True,
                device=str(ctx.device),
            )
