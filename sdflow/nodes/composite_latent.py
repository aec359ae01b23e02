"""`composite-latent`: a latent laid on another."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.latents import in_elements, refuse_unlike
from sdflow.values import Latent, LatentSpec, Mask, MaskSpec

_LARGEST = 16384


class CompositeLatent(Node, type="composite-latent", version=1):
    """Lay one latent on another at a place. All lengths are in pixels, multiples of the VAE's factor (8)."""

    outputs = {"latent": "Latent"}

    onto: Input[Latent]
    """What lies below; size and random streams are its."""
    over: Input[Latent]
    """What is laid on it: as many items, or one for all."""
    left: int = Field(0, ge=0, le=_LARGEST)
    """Where it goes, from the left."""
    top: int = Field(0, ge=0, le=_LARGEST)
    """Where it goes, from the top."""
    feather: int = Field(0, ge=0, le=_LARGEST)
    """How far in from its edges it is blended with what lies below; edges that are the picture's are not."""
    mask: Input[Mask] | None = None
    """What of it counts: white all, black nothing. Resized to it."""

    def infer(
        self, facts: Facts, onto: LatentSpec, over: LatentSpec, mask: MaskSpec | None
    ) -> Mapping[str, LatentSpec]:
        """The shape of what lies below.

        Raises:
            Refusal: spaces, levels, batches or places do not fit, or noise would be blended.
        """
        refuse_unlike((onto, over), "over")
        if over.batch not in (1, onto.batch):
            raise Refusal(f"{over.batch} latents to lay on {onto.batch}", field="over")
        factor = onto.space.factor
        place = self._place(factor)
        for start, length, there in (("left", over.width, onto.width), ("top", over.height, onto.height)):
            if place[start] + length > there:
                message = (
                    f"it would lead to {(place[start] + length) * factor}, and the latent below ends at "
                )
                raise Refusal(message + f"{there * factor} pixels", field=start, hint="crop-latent cuts it")
        if mask is not None and mask.batch != 1:
            raise Refusal(f"{mask.batch} masks: one serves the whole batch", field="mask")
        if onto.level.kind != "clean" and (self.feather or mask is not None):
            field = "feather" if self.feather else "mask"
            raise Refusal(f"{field} blends, and blended noise is no noise", field=field)
        return {"latent": onto}

    def _place(self, factor: int) -> dict[str, int]:
        return in_elements({"left": self.left, "top": self.top, "feather": self.feather}, factor)

    def cost(self, onto: LatentSpec, over: LatentSpec, mask: MaskSpec | None) -> Cost:
        """Next to nothing."""
        return Cost(onto.batch * onto.height * onto.width)

    def run(self, ctx: RunContext, onto: Latent, over: Latent, mask: Mask | None) -> Latent:
        """Lay it on."""
        from sdflow.diffusion.latent_shapes import composited, feathered, share_of_mask

        place = self._place(onto.space.factor)
        left, top, feather = place["left"], place["top"], place["feather"]
        height, width = over.samples.shape[-2:]
        there_height, there_width = onto.samples.shape[-2:]
        sides = (top > 0, top + height < there_height, left > 0, left + width < there_width)
        share = feathered(height, width, feather, sides=sides)
        if mask is not None:
            share = share * share_of_mask(mask.pixels[0], height, width)
        return composited(onto, over, left=left, top=top, share=share)
