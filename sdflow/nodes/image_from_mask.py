"""`image-from-mask`: a mask as a picture."""

from collections.abc import Mapping

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec, Mask, MaskSpec


class ImageFromMask(Node, type="image-from-mask", version=1):
    """Show a mask as a grey picture, for a sheet or for another node. An output file takes a mask as it is."""

    outputs = {"image": "Image"}

    mask: Input[Mask]
    """The mask."""

    def infer(self, facts: Facts, mask: MaskSpec) -> Mapping[str, ImageSpec]:
        """The same size."""
        return {"image": ImageSpec(mask.batch, mask.height, mask.width)}

    def run(self, ctx: RunContext, mask: Mask) -> Image:
        """Show it."""
        from sdflow.pictures.mask import picture_of

        return picture_of(mask)
