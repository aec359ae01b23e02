"""`crop-to-mask`: the part of a picture around a mask, at the size that a model likes."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.together import batch_together, refuse_other_proportions
from sdflow.values import Image, ImageSpec, Mask, MaskSpec, Region, RegionSpec


class CropToMask(Node, type="crop-to-mask", version=1):
    """Cut out what is masked with something around it, resized to width × height: A1111's "Only masked".

    paste-region puts what is made of it back. The box is that of diffusers' padding_mask_crop: around all that is not
    black, with padding, widened to the proportions of width × height as far as the picture goes. A mask that is black
    everywhere gives the whole picture.
    """

    outputs = {"image": "Image", "mask": "Mask", "region": "Region"}

    image: Input[Image]
    """The picture."""
    mask: Input[Mask]
    """The mask; of another size, it is resized to the picture's."""
    width: int = Field(ge=8, le=16384)
    """Width of what comes out: a multiple of 8 that suits the model."""
    height: int = Field(ge=8, le=16384)
    """Height of what comes out."""
    padding: int = Field(32, ge=0, le=16384)
    """Pixels of the picture to keep around the mask, for the model to see what belongs there."""

    def infer(
        self, facts: Facts, image: ImageSpec, mask: MaskSpec
    ) -> Mapping[str, ImageSpec | MaskSpec | RegionSpec]:
        """The sizes are those of the fields; the box is found when the mask is there.

        Raises:
            Refusal: sizes or batches that do not go together.
        """
        refuse_other_proportions(mask, image)
        batch = batch_together(image=image, mask=mask)
        return {
            "image": ImageSpec(batch, self.height, self.width, image.channels, image.depth),
            "mask": MaskSpec(mask.batch, self.height, self.width),
            "region": RegionSpec(mask.batch, image.height, image.width),
        }

    def cost(self, image: ImageSpec, mask: MaskSpec) -> Cost:
        """Proportional to the new pixels."""
        return Cost(max(image.batch, mask.batch) * self.width * self.height)

    def run(self, ctx: RunContext, image: Image, mask: Mask) -> Mapping[str, Image | Mask | Region]:
        """Cut it out."""
        from sdflow.pictures.region import crop_to_mask

        cropped, masks, region = crop_to_mask(image, mask, self.width, self.height, self.padding)
        return {"image": cropped, "mask": masks, "region": region}
