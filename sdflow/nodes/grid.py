"""`grid`: a contact sheet."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.colour import Colour
from sdflow.values import Image, ImageSpec


class Grid(Node, type="grid", version=1):
    """Put pictures on one sheet, in rows, with labels."""

    outputs = {"image": "Image"}

    images: tuple[Input[Image], ...] = Field(min_length=1)
    """The pictures, in order; a batch counts as so many pictures."""
    columns: int | None = Field(None, ge=1, le=1000)
    """Pictures per row; by default as square a sheet as possible."""
    rows: int | None = Field(None, ge=1, le=1000)
    """Number of rows, in place of columns."""
    labels: tuple[str, ...] = ()
    """A label for each picture."""
    label_side: Literal["below", "above"] = "below"
    """Where labels stand."""
    row_labels: tuple[str, ...] = ()
    """A header for each row."""
    column_labels: tuple[str, ...] = ()
    """A header for each column."""
    title: str = ""
    """A line above all."""
    cell_width: int | None = Field(None, ge=1, le=16384)
    """Width of a cell in pixels; by default that of the widest picture. Needs cell-height, too."""
    cell_height: int | None = Field(None, ge=1, le=16384)
    """Height of a cell in pixels; by default that of the highest picture."""
    gap: int | None = Field(None, ge=0, le=1000)
    """Pixels between pictures; by default in proportion to the cells."""
    text_size: int | None = Field(None, ge=4, le=1000)
    """Height of the letters in pixels; by default in proportion to the cells."""
    background: Colour = "#ffffff"
    """Colour of the sheet: #rgb, #rrggbb, #rrggbbaa or a name."""

    def infer(self, facts: Facts, images: tuple[ImageSpec, ...]) -> Mapping[str, ImageSpec]:
        """The sheet's size.

        Raises:
            Refusal: fields that exclude each other.
            UserError: labels and pictures do not match.
        """
        from sdflow.pictures.layout import grid_size

        if self.columns is not None and self.rows is not None:
            raise Refusal("columns and rows exclude each other", field="rows", code="SDF214")
        if (self.cell_width is None) != (self.cell_height is None):
            raise Refusal("cell-width and cell-height go together", field="cell_width", code="SDF214")
        sizes = [(image.width, image.height) for image in images for _ in range(image.batch)]
        width, height = grid_size(sizes, **self._layout(len(sizes)))
        return {"image": ImageSpec(1, height, width, 3 if self.background.endswith("ff") else 4)}

    def _layout(self, count: int) -> dict[str, Any]:
        columns = self.columns if self.rows is None else -(-count // self.rows)
        cell = None if self.cell_width is None else (self.cell_width, self.cell_height)
        return {
            "columns": columns,
            "labels": self.labels,
            "row_labels": self.row_labels,
            "column_labels": self.column_labels,
            "title": self.title,
            "side": self.label_side,
            "cell": cell,
            "gap": self.gap,
            "text_size": self.text_size,
        }

    def cost(self, images: tuple[ImageSpec, ...]) -> Cost:
        """Proportional to the pixels."""
        return Cost(sum(image.batch * image.width * image.height for image in images))

    def run(self, ctx: RunContext, images: tuple[Image, ...]) -> Image:
        """Draw the sheet."""
        from sdflow.pictures.grid import grid

        count = sum(image.pixels.shape[0] for image in images)
        return grid(images, background=self.background, **self._layout(count))
