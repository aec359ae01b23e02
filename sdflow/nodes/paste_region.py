"""`paste-region`: back into the picture."""

from collections.abc import Mapping
from dataclasses import replace

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.together import batch_together, refuse_other_proportions, refuse_other_size
from sdflow.values import Image, ImageSpec, Mask, MaskSpec, Region, RegionSpec


class PasteRegion(Node, type="paste-region", version=1):
    """Put a picture back in the place that crop-to-mask has cut it from. Where the mask is black, nothing changes."""

    outputs = {"image": "Image"}

    background: Input[Image]
    """The picture that it was cut from."""
    image: Input[Image]
    """What was made of it; resized to its place, whatever its size."""
    region: Input[Region]
    """The place, from crop-to-mask."""
    mask: Input[Mask] | None = None
    """Where the new picture is seen, resized to the background; feathered, it blends in. Without it, all is pasted."""

    def infer(
        self,
        facts: Facts,
        background: ImageSpec,
        image: ImageSpec,
        region: RegionSpec,
        mask: MaskSpec | None,
    ) -> Mapping[str, ImageSpec]:
        """The background's size.

        Raises:
            Refusal: sizes or batches that do not go together.
        """
        refuse_other_size(background, region)
        if mask is not None:
            refuse_other_proportions(mask, background)
        batch = batch_together(background=background, image=image, region=region, mask=mask)
        return {"image": replace(background, batch=batch)}

    def cost(
        self, background: ImageSpec, image: ImageSpec, region: RegionSpec, mask: MaskSpec | None
    ) -> Cost:
        """Proportional to the pixels."""
        return Cost(background.batch * background.width * background.height)

    def run(
        self, ctx: RunContext, background: Image, image: Image, region: Region, mask: Mask | None
    ) -> Image:
        """Paste it."""
        from sdflow.pictures.region import paste_region

        return paste_region(background, image, region, mask)
