"""`grid`: a contact sheet."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.values import Image, ImageSpec


class Grid(Node, type="grid", version=1):
    """Put pictures on one sheet, in rows, with labels."""

    outputs = {"image": "Image"}

    images: tuple[Input[Image], ...] = Field(min_length=1)
    """The pictures, in order; a batch counts as so many pictures."""
    columns: int | None = Field(None, ge=1, le=1000)
    """Pictures per row; by default as square a sheet as possible."""
    labels: tuple[str, ...] = ()
    """A label for each picture, shown below it."""
    title: str = ""
    """A line above all."""
    gap: int = Field(8, ge=0, le=1000)
    """Pixels between pictures."""
    background: str = Field("#ffffff", pattern=r"^#[0-9a-fA-F]{6}$")
    """Colour of the sheet, #rrggbb."""

    def infer(self, facts: Facts, images: tuple[ImageSpec, ...]) -> Mapping[str, ImageSpec]:
        """The sheet's size.

        Raises:
            Refusal: the number of labels is not that of the pictures.
        """
        sizes = [(image.width, image.height) for image in images for _ in range(image.batch)]
        if self.labels and len(self.labels) != len(sizes):
            raise Refusal(f"{len(self.labels)} labels for {len(sizes)} pictures", field="labels")
        width, height = self._size(sizes)
        return {"image": ImageSpec(1, height, width)}

    def _size(self, sizes: list[tuple[int, int]]) -> tuple[int, int]:
        from sdflow.pictures.layout import grid_size

        return grid_size(sizes, columns=self.columns, labels=self.labels, title=self.title, gap=self.gap)

    def cost(self, images: tuple[ImageSpec, ...]) -> Cost:
        """Proportional to the pixels."""
        return Cost(sum(image.batch * image.width * image.height for image in images))

    def run(self, ctx: RunContext, images: tuple[Image, ...]) -> Image:
        """Draw the sheet."""
        from sdflow.pictures.grid import grid

        return grid(
            images,
            columns=self.columns,
            labels=self.labels,
            title=self.title,
            gap=self.gap,
            background=self.background,
        )
