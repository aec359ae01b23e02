"""Contact sheets: many pictures as one, with words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdflow.pictures.colour import Rgba, contrasting, parse_colour
from sdflow.pictures.layout import lay_out
from sdflow.pictures.resize import Filter, resize
from sdflow.pictures.sheet import Box, Line, Sheet, Side, Wording
from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARPNESS = 4
_RGBA = 4


def grid(
    images: Sequence[Image],
    *,
    columns: int | None = None,
    labels: Sequence[str] = (),
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    title: str = "",
    side: Side = "below",
    cell: tuple[int, int] | None = None,
    gap: int | None = None,
    text_size: int | None = None,
    background: str = "white",
    filter: Filter = "bicubic",  # noqa: A002  # the field's word
) -> Image:
    """All pictures of all batches on one sheet, in order: uint8[1, height, width, 3], or 4 if see-through.

    Words and distances are those of `lay_out`; `grid_size` tells the size beforehand. Pictures as large as
    their cell are put there to the bit, others are resized with `filter`.

    Raises:
        UserError: SDF348, SDF349.
    """
    pictures = [pixels for image in images for pixels in image.pixels]
    wording = Wording(tuple(labels), tuple(row_labels), tuple(column_labels), title, side)
    sizes = [(pixels.shape[1], pixels.shape[0]) for pixels in pictures]
    sheet = lay_out(sizes, columns=columns, wording=wording, cell=cell, gap=gap, text_size=text_size)
    colour = parse_colour(background)
    canvas = _canvas(sheet, colour)
    for pixels, box in zip(pictures, sheet.pictures, strict=True):
        _put(canvas, pixels, box, filter)
    strong = contrasting(colour)
    soft = _mixed(strong, colour)
    for line in sheet.lines:
        _write(canvas, line, strong if line.strong else soft)
    return Image(canvas[None])


def _canvas(sheet: Sheet, colour: Rgba) -> "NDArray[np.uint8]":
    import numpy as np

    canvas = np.empty((sheet.height, sheet.width, 3 if colour[3] == 255 else _RGBA), np.uint8)  # noqa: PLR2004
    canvas[:] = colour[: canvas.shape[2]]
    return canvas


def _put(
    canvas: "NDArray[np.uint8]", pixels: "NDArray[np.uint8] | NDArray[np.uint16]", box: Box, filter_: Filter
) -> None:
    from sdflow.pictures.pil import eight_bits

    fitted = eight_bits(resize(Image(pixels[None]), box.width, box.height, filter=filter_).pixels[0])
    part = canvas[box.top : box.top + box.height, box.left : box.left + box.width]
    if fitted.shape[2] == _RGBA:
        _over(part, fitted[..., :3], fitted[..., 3])
        return
    part[..., :3] = fitted
    part[..., 3:] = 255


def _write(canvas: "NDArray[np.uint8]", line: Line, colour: Rgba) -> None:
    """Draw one line, from a larger drawing of it: even spacing, whatever the size."""
    import numpy as np
    from PIL.Image import Resampling, new
    from PIL.ImageDraw import Draw
    from PIL.ImageFont import load_default

    font = load_default(line.size * _SHARPNESS)
    stroke = round(line.size * _SHARPNESS / 60) if line.strong else 0  # the font has no bold of its own
    width = -(-int(font.getlength(line.text)) // _SHARPNESS) + 2
    height = round(line.size * 1.25)
    large = new("L", (width * _SHARPNESS, height * _SHARPNESS))
    Draw(large).text(
        (_SHARPNESS, line.size * _SHARPNESS), line.text, fill=255, font=font, anchor="ls", stroke_width=stroke
    )
    ink = np.array(large.resize((width, height), Resampling.BOX), dtype=np.uint8)
    left = line.x - {"left": 0, "centre": width // 2, "right": width}[line.align]
    left, top = max(0, left), max(0, line.top)
    part = canvas[top : top + height, left : left + width]
    ink = ink[: part.shape[0], : part.shape[1]]
    _over(part, np.broadcast_to(np.array(colour[:3], np.uint8), (*ink.shape, 3)), ink)


def _over(below: "NDArray[np.uint8]", colour: "NDArray[np.uint8]", alpha: "NDArray[np.uint8]") -> None:
    """Lay a colour with an alpha over RGB or RGBA pixels, in place (Porter and Duff, 1984: over)."""
    import numpy as np

    top = alpha[..., None].astype(np.float64) / 255
    under = below[..., 3:].astype(np.float64) / 255 if below.shape[2] == _RGBA else np.ones_like(top)
    together = top + under * (1 - top)
    mixed = (colour * top + below[..., :3] * under * (1 - top)) / np.where(together > 0, together, 1)
    below[..., :3] = (mixed + 0.5).astype(np.uint8)
    below[..., 3:] = (together * 255 + 0.5).astype(np.uint8)[..., : below.shape[2] - 3]


def _mixed(strong: Rgba, background: Rgba) -> Rgba:
    """The text colour a quarter of the way to its background, for labels beside headers."""
    red, green, blue = (
        round(text * 0.75 + (behind * background[3] + 255 * (255 - background[3])) / 255 * 0.25)
        for text, behind in zip(strong[:3], background[:3], strict=True)
    )
    return red, green, blue, 255
