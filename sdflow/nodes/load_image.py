"""`load-image`: a picture from a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from sdflow.graph.facts import Facts
from sdflow.graph.fields import ImageFile
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.values import Image, ImageSpec


class LoadImage(Node, type="load-image", version=1):
    """Read a picture: upright, in sRGB, with its alpha channel where it has one."""

    outputs = {"image": "Image"}

    path: ImageFile
    """The file, relative to the recipe."""
    alpha: Literal["keep", "drop"] = "keep"
    """Keep a fourth channel where the picture has one, or drop it, as Pillow's convert("RGB") does."""

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        """The picture's size, from its header."""
        file = facts.file(self.path)
        channels = file.channels if self.alpha == "keep" else 3
        return {"image": ImageSpec(1, file.height, file.width, channels, file.depth)}

    def cost(self) -> Cost:
        """Reading is proportional to nothing that is known better than one file."""
        return Cost()

    def run(self, ctx: RunContext) -> Image:
        """Read it."""
        from sdflow.pictures.read import read

        image = read(Path(ctx.file(self.path)))
        return Image(image.pixels[..., :3].copy()) if self.alpha == "drop" else image
