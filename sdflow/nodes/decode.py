"""`decode`: from a latent to a picture."""

from collections.abc import Mapping

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec, Latent, LatentSpec, Model

_BYTES_PER_PIXEL = 2500
_TILE = 512 * 512


class Decode(Node, type="decode", version=1):
    """Decode a latent with the model's VAE."""

    outputs = {"image": "Image"}
    lane = "device"
    numeric = True

    model: Input[Model]
    """The model whose VAE decodes."""
    latent: Input[Latent]
    """What to decode."""
    slicing: bool = False
    """Decode item by item: less memory for batches."""
    tiling: bool = False
    """Decode in overlapping tiles: much less memory for large pictures, and slightly other pixels."""

    def components(self, model: Model) -> frozenset[str]:
        """The VAE."""
        return frozenset({"vae"})

    def infer(self, facts: Facts, model: Model, latent: LatentSpec) -> Mapping[str, ImageSpec]:
        """The picture's size.

        Raises:
            Refusal: a latent of another space.
        """
        refuse_other_space(model, latent)
        factor = model.space.factor
        return {"image": ImageSpec(latent.batch, latent.height * factor, latent.width * factor)}

    def cost(self, model: Model, latent: LatentSpec) -> Cost:
        """One pass of the decoder; about 2,500 bytes for each pixel in flight."""
        pixels = latent.height * latent.width * model.space.factor**2
        in_flight = (1 if self.slicing else latent.batch) * (min(pixels, _TILE) if self.tiling else pixels)
        return Cost(latent.batch * pixels, in_flight * _BYTES_PER_PIXEL)

    def frugal(self) -> "Decode | None":
        """Item by item, in tiles."""
        if self.slicing and self.tiling:
            return None
        return self.model_copy(update={"slicing": True, "tiling": True})

    def run(self, ctx: RunContext, model: Model, latent: Latent) -> Image:
        """Decode."""
        from sdflow.diffusion.vae import decode_latent

        with ctx.module(model, "vae") as vae:
            return decode_latent(
                vae, latent, slicing=self.slicing, tiling=self.tiling, device=str(ctx.device)
            )


def refuse_other_space(model: Model, latent: LatentSpec) -> None:
    """Refuse a latent that was made for another kind of autoencoder.

    Raises:
        Refusal: family, channels or factor differ.
    """
    if latent.space != model.space:
        there, here = latent.space, model.space
        raise Refusal(
            f"the latent is {there.family} with {there.channels} channels and factor {there.factor}, "
            f"the model takes {here.family} with {here.channels} channels and factor {here.factor}",
            field="latent",
        )
