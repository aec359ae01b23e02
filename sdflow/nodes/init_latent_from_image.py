"""`init-latent-from-image`: where a picture from a picture starts."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.fields import Seed, seeds_of
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.tiling import TILE, TILES, refuse_tiles, tiling_of
from sdflow.nodes.together import refuse_other_proportions
from sdflow.values import CLEAN, Image, ImageSpec, Latent, LatentSpec, Mask, MaskSpec, Model

_NO_ALPHA = "write alpha: drop in its load-image node"


class InitLatentFromImage(Node, type="init-latent-from-image", version=2):
    """Encode a picture with the model's VAE; item i of a batch uses seed + i."""

    outputs = {"latent": "Latent"}
    lane = "device"
    numeric = True
    savings = ("tiling",)

    model: Input[Model]
    """The model whose VAE encodes the picture."""
    image: Input[Image]
    """The picture; its sides must be multiples of the VAE's factor (8)."""
    seed: Seed = 0
    """Seed of the first item, a list with one for each item, or random. Also that of the noise added later."""
    batch: int = Field(1, ge=1, le=1024)
    """How many pictures to make from one picture."""
    mask: Input[Mask] | None = None
    """To paint into the picture: white in the mask is painted anew, black stays. Resized to the picture."""
    soft: bool = False
    """Take the mask's greys for strengths, place by place: where it is 40 %, the picture changes as one of strength 0.4
    does (Differential Diffusion). Without it, a mask is black or white: 128 of 255 and above is painted anew."""

    tiling: bool = False
    """Encode in overlapping tiles: much less memory for large pictures, and a slightly other latent."""
    tile: int = Field(TILE, ge=64, le=16384)
    """Width and height of a tile in pixels, a multiple of the VAE's factor (8)."""
    tile_overlap: int | None = Field(None, ge=0, le=8192)
    """Pixels that neighbouring tiles share, and over which they are blended; by default a quarter of a tile."""

    def key_fields(self, *, without: frozenset[str] = frozenset()) -> dict[str, Json]:
        """All plain fields; of tiles only where there are some."""
        return super().key_fields(without=without if self.tiling else without | TILES | {"tiling"})

    def components(self, model: Model) -> frozenset[str]:
        """The VAE."""
        return frozenset({"vae"})

    def infer(
        self, facts: Facts, model: Model, image: ImageSpec, mask: MaskSpec | None
    ) -> Mapping[str, LatentSpec]:
        """The latent's shape.

        Raises:
            Refusal: a side that is no multiple of the VAE's factor, batches, a mask or tiles that do not fit.
        """
        factor = model.space.factor
        refuse_tiles(
            self.tile, self.tile_overlap, factor, tiling=self.tiling, given=frozenset(self.model_fields_set)
        )
        refuse_picture(image, factor)
        batch = refuse_batch(image, self.batch, self.seed)
        if self.soft and mask is None:
            raise Refusal("soft is for a mask", field="soft", code="SDF214", hint="leave soft out")
        if mask is not None:
            refuse_other_proportions(mask, image, code="SDF211")
            if mask.batch not in (1, batch):
                message = f"{mask.batch} masks for a batch of {batch}"
                raise Refusal(message, field="mask", hint="give as many, or one for all")
        height, width = image.height // factor, image.width // factor
        beside = "" if mask is None else "inpaint"
        return {"latent": LatentSpec(batch, height, width, model.space, CLEAN, beside)}

    def cost(self, model: Model, image: ImageSpec, mask: MaskSpec | None) -> Cost:
        """One pass of the encoder for each item, two with a mask; about 2,000 bytes for each pixel of it."""
        pixels = image.height * image.width
        tiled = self.tiling and pixels > self.tile**2
        passes = max(image.batch, self.batch) * (1 if mask is None else 2) * (2 if tiled else 1)
        return Cost(passes * pixels, (self.tile**2 if tiled else pixels) * 2000)

    def saves(  # type: ignore[override]  # its own ports
        self, field: str, *, model: Model, image: ImageSpec, mask: MaskSpec | None
    ) -> bool:
        """Tiling saves with pictures that are larger than a tile."""
        return not self.tiling and max(image.height, image.width) > self.tile

    def frugal(self) -> "InitLatentFromImage | None":
        """In tiles."""
        return None if self.tiling else self.model_copy(update={"tiling": True})

    def run(self, ctx: RunContext, model: Model, image: Image, mask: Mask | None) -> Latent:
        """Encode item by item, each with its own stream."""
        from sdflow.diffusion.inpaint import encode_for_inpaint
        from sdflow.diffusion.streams import streams_from_seeds
        from sdflow.diffusion.vae import encode_image
        from sdflow.pictures.mask import resized

        batch = max(image.pixels.shape[0], self.batch)
        streams = streams_from_seeds(seeds_of(self.seed, batch))
        tiling = tiling_of(self.tile, self.tile_overlap, model.space.factor) if self.tiling else None
        device, space = str(ctx.device), model.space
        with ctx.module(model, "vae") as vae:
            if mask is None:
                return encode_image(vae, image, streams, space, device, tiling=tiling)
            sized = resized(mask, image.pixels.shape[2], image.pixels.shape[1])
            return encode_for_inpaint(
                vae,
                image,
                sized,
                streams=streams,
                space=space,
                device=device,
                tiling=tiling,
                soft=self.soft,
            )


def refuse_batch(image: ImageSpec, batch: int, seed: int | tuple[int, ...]) -> int:
    """How many latents are made of pictures.

    Raises:
        Refusal: a batch of other length than that of several pictures, or seeds of other length than both.
    """
    if image.batch != 1 and batch not in (1, image.batch):
        raise Refusal(f"{image.batch} pictures for a batch of {batch}", field="batch")
    several = max(image.batch, batch)
    try:
        seeds_of(seed, several)
    except ValueError as error:
        raise Refusal(str(error), field="seed") from error
    return several


def refuse_picture(image: ImageSpec, factor: int) -> None:
    """Refuse a picture that a VAE of this factor cannot encode.

    Raises:
        Refusal: a side that is no multiple of the factor, or an alpha channel.
    """
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
