"""`upscale-latent`: a larger latent, to be denoised again."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Latent, LatentSpec


class UpscaleLatent(Node, type="upscale-latent", version=1):
    """Make a clean latent larger by interpolation; denoise it again with a strength of about 0.5."""

    outputs = {"latent": "Latent"}

    latent: Input[Latent]
    """The latent; its random streams go on where they were."""
    factor: float = Field(2.0, gt=0, le=16)
    """New size divided by the old one; sides are rounded to whole latent elements."""
    filter: Literal["nearest", "bilinear", "bicubic", "area"] = "bicubic"
    """How elements are interpolated."""

    def infer(self, facts: Facts, latent: LatentSpec) -> Mapping[str, LatentSpec]:
        """The new size.

        Raises:
            Refusal: a latent with noise, whose statistics interpolation would spoil.
        """
        if latent.level.kind != "clean":
            raise Refusal(
                "only a clean latent can be upscaled: interpolated noise is no noise", field="latent"
            )
        height, width = self._size(latent.height, latent.width)
        return {"latent": LatentSpec(latent.batch, height, width, latent.space, latent.level)}

    def _size(self, height: int, width: int) -> tuple[int, int]:
        return max(1, round(height * self.factor)), max(1, round(width * self.factor))

    def cost(self, latent: LatentSpec) -> Cost:
        """Next to nothing."""
        return Cost(latent.batch * latent.height * latent.width)

    def run(self, ctx: RunContext, latent: Latent) -> Latent:
        """Interpolate."""
        from sdflow.diffusion.resample import resample_latent

        return resample_latent(latent, *self._size(*latent.samples.shape[-2:]), filter=self.filter)
