"""`decode`: from a latent to a picture."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.tiling import TILE, TILES, refuse_tiles, tiling_of
from sdflow.values import Image, ImageSpec, Latent, LatentSpec, Model

_BYTES_PER_PIXEL = 2500


class Decode(Node, type="decode", version=1):
    """Decode a latent with the model's VAE."""

    outputs = {"image": "Image"}
    lane = "device"
    numeric = True
    savings = ("slicing", "tiling")

    model: Input[Model]
    """The model whose VAE decodes."""
    latent: Input[Latent]
    """What to decode."""
    slicing: bool = False
    """Decode item by item: less memory for batches."""
    tiling: bool = False
    """Decode in overlapping tiles: much less memory for large pictures, and slightly other pixels."""
    tile: int = Field(TILE, ge=64, le=16384)
    """Width and height of a tile in pixels, a multiple of the VAE's factor (8)."""
    tile_overlap: int | None = Field(None, ge=0, le=8192)
    """Pixels that neighbouring tiles share, and over which they are blended; by default a quarter of a tile."""

    def key_fields(self, *, without: frozenset[str] = frozenset()) -> dict[str, Json]:
        """All plain fields; sizes of tiles only where there are tiles."""
        return super().key_fields(without=without if self.tiling else without | TILES)

    def components(self, model: Model) -> frozenset[str]:
        """The VAE."""
        return frozenset({"vae"})

    def infer(self, facts: Facts, model: Model, latent: LatentSpec) -> Mapping[str, ImageSpec]:
        """The picture's size.

        Raises:
            Refusal: a latent of another space, or tiles that make no sense.
        """
        refuse_other_space(model, latent)
        factor = model.space.factor
        refuse_tiles(
            self.tile, self.tile_overlap, factor, tiling=self.tiling, given=frozenset(self.model_fields_set)
        )
        return {"image": ImageSpec(latent.batch, latent.height * factor, latent.width * factor)}

    def cost(self, model: Model, latent: LatentSpec) -> Cost:
        """One pass of the decoder, about two in tiles; about 2,500 bytes for each pixel in flight."""
        pixels = latent.height * latent.width * model.space.factor**2
        tiled = self.tiling and pixels > self.tile**2
        in_flight = (1 if self.slicing else latent.batch) * (self.tile**2 if tiled else pixels)
        return Cost(latent.batch * pixels * (2 if tiled else 1), in_flight * _BYTES_PER_PIXEL)

    def saves(self, field: str, *, model: Model, latent: LatentSpec) -> bool:  # type: ignore[override]  # its own ports
        """Slicing saves with batches, tiling with pictures that are larger than a tile."""
        if getattr(self, field):
            return False
        if field == "slicing":
            return latent.batch > 1
        return max(latent.height, latent.width) * model.space.factor > self.tile

    def frugal(self) -> "Decode | None":
        """Item by item, in tiles."""
        if self.slicing and self.tiling:
            return None
        return self.model_copy(update={"slicing": True, "tiling": True})

    def run(self, ctx: RunContext, model: Model, latent: Latent) -> Image:
        """Decode."""
        from sdflow.diffusion.vae import decode_latent

        tiling = tiling_of(self.tile, self.tile_overlap, model.space.factor) if self.tiling else None
        with ctx.module(model, "vae") as vae:
            return decode_latent(vae, latent, slicing=self.slicing, tiling=tiling, device=str(ctx.device))


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
