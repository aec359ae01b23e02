"""`upscale-with-model`: a larger picture by a network."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.tiling import TILES, refuse_tiles
from sdflow.values import Image, ImageSpec, Upscaler

_RGB = 3
_BYTES_PER_PIXEL = 1000
"""For each pixel of the result that is in flight."""


class UpscaleWithModel(Node, type="upscale-with-model", version=1):
    """Make a picture larger with a network that was trained for it, which adds fine detail.

    Large pictures are computed in overlapping tiles that are blended, so that memory does not grow with the picture.
    """

    outputs = {"image": "Image"}
    lane = "device"
    numeric = True

    upscaler: Input[Upscaler]
    """The network, from load-upscaler."""
    image: Input[Image]
    """The picture; every one of a batch is computed for itself."""
    tiling: bool = True
    """Compute in tiles what is larger than one; without, in one go."""
    tile: int = Field(512, ge=32, le=8192)
    """Width and height of a tile in pixels of the picture."""
    tile_overlap: int = Field(32, ge=0, le=4096)
    """Pixels that neighbouring tiles share, and over which they are blended; at most half a tile."""

    def key_fields(self, *, without: frozenset[str] = frozenset()) -> dict[str, Json]:
        """All plain fields; sizes of tiles only where there are tiles."""
        return super().key_fields(without=without if self.tiling else without | TILES)

    def components(self, model: Upscaler) -> frozenset[str]:
        """The network."""
        return frozenset({"upscaler"})

    def infer(self, facts: Facts, upscaler: Upscaler, image: ImageSpec) -> Mapping[str, ImageSpec]:
        """The new size, at 8 bits.

        Raises:
            Refusal: a picture with alpha, or tiles that make no sense.
        """
        if image.channels != _RGB:
            hint = "write alpha: drop in its load-image node"
            raise Refusal(
                "the picture has an alpha channel, which a network cannot take", field="image", hint=hint
            )
        given = frozenset(self.model_fields_set)
        refuse_tiles(self.tile, self.tile_overlap, 1, tiling=self.tiling, given=given)
        scale = upscaler.scale
        return {"image": ImageSpec(image.batch, image.height * scale, image.width * scale)}

    def cost(self, upscaler: Upscaler, image: ImageSpec) -> Cost:
        """Proportional to the new pixels."""
        pixels = image.height * image.width
        in_flight = min(pixels, self.tile**2) if self.tiling else pixels
        area = upscaler.scale**2
        return Cost(image.batch * pixels * area, in_flight * area * _BYTES_PER_PIXEL)

    def frugal(self) -> "UpscaleWithModel | None":
        """In tiles, then in smaller ones."""
        if not self.tiling:
            return self.model_copy(update={"tiling": True})
        smaller = self.tile // 2
        if smaller < max(32, 2 * self.tile_overlap):
            return None
        return self.model_copy(update={"tile": smaller})

    def run(self, ctx: RunContext, upscaler: Upscaler, image: Image) -> Image:
        """Upscale."""
        from sdflow.diffusion.upscale import upscale
        from sdflow.nodes.tiling import tiling_of

        tiling = tiling_of(self.tile, self.tile_overlap, 1) if self.tiling else None
        with ctx.module(upscaler, "upscaler") as network:
            return upscale(network, image, tiling, device=str(ctx.device), on_tile=ctx.progress)
