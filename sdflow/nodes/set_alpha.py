"""`set-alpha`: a mask as the transparency of a picture."""

from collections.abc import Mapping

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.together import batch_together, refuse_other_proportions
from sdflow.values import Image, ImageSpec, Mask, MaskSpec


class SetAlpha(Node, type="set-alpha", version=1):
    """Give a picture transparency from a mask: white is opaque. Write it as .png or .webp."""

    outputs = {"image": "Image"}

    image: Input[Image]
    """The picture; transparency that it had is replaced."""
    mask: Input[Mask]
    """The mask; of another size, it is resized to the picture's."""

    def infer(self, facts: Facts, image: ImageSpec, mask: MaskSpec) -> Mapping[str, ImageSpec]:
        """The same with four channels.

        Raises:
            Refusal: sizes or batches that do not go together.
        """
        refuse_other_proportions(mask, image)
        batch = batch_together(image=image, mask=mask)
        return {"image": ImageSpec(batch, image.height, image.width, 4, image.depth)}

    def run(self, ctx: RunContext, image: Image, mask: Mask) -> Image:
        """Join them."""
        from sdflow.pictures.mask_changes import with_alpha

        return with_alpha(image, mask)
