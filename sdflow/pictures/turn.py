"""Pictures flipped and turned."""

import math
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from sdflow.pictures.colour import parse_colour
from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8] | NDArray[np.uint16]

Direction: TypeAlias = Literal["horizontal", "vertical", "both"]
_QUARTER = 90
_OPAQUE = 255


def flip(image: Image, direction: Direction) -> Image:
    """Left and right exchanged (horizontal), top and bottom (vertical), or both."""
    import numpy as np

    pixels = image.pixels
    if direction != "vertical":
        pixels = pixels[:, :, ::-1]
    if direction != "horizontal":
        pixels = pixels[:, ::-1]
    return Image(cast("Pixels", np.ascontiguousarray(pixels)))


def turned_size(size: tuple[int, int], angle: float, *, expand: bool) -> tuple[int, int]:
    """Width and height of a picture of `size` after `turn`; as Pillow's rotate has them."""
    width, height = size
    if angle % _QUARTER == 0:
        return (height, width) if angle % (2 * _QUARTER) else (width, height)
    if not expand:
        return size
    turn_ = math.radians(angle % 360)
    cosine, sine = round(math.cos(turn_), 15), round(math.sin(turn_), 15)
    across = [
        (x - width / 2) * cosine - (y - height / 2) * sine + width / 2
        for x in (0, width)
        for y in (0, height)
    ]
    down = [
        (x - width / 2) * sine + (y - height / 2) * cosine + height / 2
        for x in (0, width)
        for y in (0, height)
    ]
    return (
        math.ceil(max(across)) - math.floor(min(across)),
        math.ceil(max(down)) - math.floor(min(down)),
    )


def turned_exactly(angle: float) -> bool:
    """Whether a turn by this angle moves pixels and computes none."""
    return angle % _QUARTER == 0


def turn(image: Image, angle: float, *, expand: bool = True, background: str = "black") -> Image:
    """Clockwise by `angle` degrees. Quarters are exact, 16 bits and all; others are bicubic, in 8 bits.

    expand: make room for the corners; the background shows in the rest. One that is not opaque gives the result an
    alpha channel.
    """
    import numpy as np

    if turned_exactly(angle):
        quarters = -int(angle // _QUARTER) % 4
        return Image(cast("Pixels", np.ascontiguousarray(np.rot90(image.pixels, quarters, axes=(1, 2)))))
    return _turned(image, angle, expand=expand, background=background)


def channels_after_turn(channels: int, angle: float, background: str) -> int:
    """3 or 4: how many channels `turn` leaves."""
    return channels if turned_exactly(angle) or parse_colour(background)[3] == _OPAQUE else 4


def _turned(image: Image, angle: float, *, expand: bool, background: str) -> Image:
    """Transparency is premultiplied; the background is laid under the turned picture."""
    import numpy as np
    import PIL.Image

    from sdflow.pictures.pil import eight_bits

    colour = parse_colour(background)
    channels = channels_after_turn(image.pixels.shape[3], angle, background)
    made = []
    for pixels in eight_bits(image.pixels):
        picture = PIL.Image.fromarray(pixels).convert("RGBA").convert("RGBa")
        turned = picture.rotate(-angle % 360, PIL.Image.Resampling.BICUBIC, expand=expand).convert("RGBA")
        if image.pixels.shape[3] == channels - 1 or colour[3]:
            under = PIL.Image.new("RGBA", turned.size, colour)
            turned = PIL.Image.alpha_composite(under, turned)
        made.append(np.array(turned, dtype=np.uint8)[..., :channels])
    return Image(np.stack(made))
