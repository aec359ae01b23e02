"""`load-mask`: a mask from a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from sdflow.graph.facts import Facts
from sdflow.graph.fields import ImageFile
from sdflow.graph.node import Node, Refusal, RunContext
from sdflow.values import Mask, MaskSpec


class LoadMask(Node, type="load-mask", version=1):
    """Read a mask from a picture: white (255) is fully, black (0) not at all."""

    outputs = {"mask": "Mask"}

    path: ImageFile
    """The file, relative to the recipe."""
    channel: Literal["luminance", "red", "green", "blue", "alpha"] = "luminance"
    """What of the picture to read. luminance is that of Pillow's convert("L"), as in diffusers' pipelines."""
    invert: bool = False
    """Exchange black and white."""

    def infer(self, facts: Facts) -> Mapping[str, MaskSpec]:
        """The picture's size, from its header.

        Raises:
            Refusal: alpha of a picture without transparency.
        """
        file = facts.file(self.path)
        if self.channel == "alpha" and file.channels == 3:  # noqa: PLR2004 - RGB
            hint = "the channels of the picture are red, green and blue; luminance reads all three"
            raise Refusal(f"{self.path} has no alpha channel", field="channel", code="SDF204", hint=hint)
        return {"mask": MaskSpec(1, file.height, file.width)}

    def run(self, ctx: RunContext) -> Mask:
        """Read it."""
        from sdflow.pictures.mask import mask_of
        from sdflow.pictures.read import read

        return mask_of(read(Path(ctx.file(self.path))), self.channel, invert=self.invert)
