"""`load-image`: a picture from a file."""

from collections.abc import Mapping
from pathlib import Path

from sdflow.graph.facts import Facts
from sdflow.graph.fields import ImageFile
from sdflow.graph.node import Cost, Node, RunContext
from sdflow.values import Image, ImageSpec


class LoadImage(Node, type="load-image", version=1):
    """Read a picture: upright, in sRGB, with its alpha channel where it has one."""

    outputs = {"image": "Image"}

    path: ImageFile
    """The file, relative to the recipe."""

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        """The picture's size, from its header."""
        file = facts.file(self.path)
        return {"image": ImageSpec(1, file.height, file.width, file.channels, file.depth)}

    def cost(self) -> Cost:
        """Reading is proportional to nothing that is known better than one file."""
        return Cost()

    def run(self, ctx: RunContext) -> Image:
        """Read it."""
        from sdflow.pictures.read import read

        return read(Path(ctx.file(self.path)))
