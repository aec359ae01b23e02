"""`adjust-mask`: a mask made clearer, larger, smaller or softer."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Mask, MaskSpec


class AdjustMask(Node, type="adjust-mask", version=1):
    """Change a mask, in this order: threshold, invert, grow, feather."""

    outputs = {"mask": "Mask"}

    mask: Input[Mask]
    """The mask."""
    threshold: int | None = Field(None, ge=1, le=255)
    """From this value on white, black below."""
    invert: bool = False
    """Exchange black and white."""
    grow: int = Field(0, ge=-1024, le=1024)
    """Pixels by which white grows on all sides, with round corners; below 0 it shrinks."""
    feather: float = Field(0.0, ge=0, le=1024)
    """Radius of a Gaussian blur in pixels: A1111's mask blur, diffusers' blur_factor."""

    def infer(self, facts: Facts, mask: MaskSpec) -> Mapping[str, MaskSpec]:
        """The size stays.

        Raises:
            Refusal: nothing is to be changed.
        """
        if not self.model_fields_set & {"threshold", "invert", "grow", "feather"}:
            raise Refusal("adjust-mask needs threshold, invert, grow or feather", code="SDF203")
        return {"mask": mask}

    def cost(self, mask: MaskSpec) -> Cost:
        """Proportional to the pixels, for each pixel of growth again."""
        return Cost(mask.batch * mask.width * mask.height * (1 + abs(self.grow)))

    def run(self, ctx: RunContext, mask: Mask) -> Mask:
        """Change it."""
        from sdflow.pictures.mask_changes import adjusted

        return adjusted(
            mask, threshold=self.threshold, invert=self.invert, grow=self.grow, feather=self.feather
        )
