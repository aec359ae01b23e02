"""People as coloured skeletons on black: what OpenPose draws, and ControlNets for poses were trained on.

The points are OpenPose's eighteen of a body (Cao et al., arXiv:1812.08008); limbs and colours are those of its
renderer, as ControlNet's annotators have them.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Joints = NDArray[np.float32]

_NECK = -1
_FROM_COCO = (0, _NECK, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""COCO's numbers of nose, neck, right and left arm, right and left leg, right and left eye, right and left ear."""
_SHOULDERS = (5, 6)
_LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip
_COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0),
    (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255),
    (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""Of the points; the limbs have the first seventeen, darker."""
_DARKER = 0.6
_RADIUS, _OF_SIDE = 4, 512
"""Half the width of a limb, and the radius of a point, in a picture whose shorter side is 512."""
_CORNERS = 40
"""Of the polygon that stands for an ellipse."""


def draw_skeletons(people: "Sequence[Sequence[Joints]]", height: int, width: int, threshold: float) -> Image:
    """A picture for each list of people, uint8[batch, height, width, 3].

    Args:
        people: the joints of each, float32[17, 3]: x and y in pixels, and how sure that is, in COCO's order.
        height: of the pictures, in pixels.
        width: the same.
        threshold: joints that are less sure are not drawn, nor are limbs that end there.
    """
    import numpy as np

    drawn = [_drawn(each, height, width, threshold) for each in people]
    return Image(np.stack(drawn))


def _drawn(people: "Sequence[Joints]", height: int, width: int, threshold: float) -> "NDArray[np.uint8]":
    import numpy as np
    import PIL.Image
    import PIL.ImageDraw

    picture = PIL.Image.new("RGB", (width, height))
    pen = PIL.ImageDraw.Draw(picture)
    radius = max(1.0, _RADIUS * min(height, width) / _OF_SIDE)
    bodies = [_body(joints, threshold) for joints in people]
    for body in bodies:
        for (start, end), colour in zip(_LIMBS, _COLOURS, strict=False):
            if (one := body[start]) and (other := body[end]):
                pen.polygon(
                    list(_ellipse(one, other, radius)), fill=tuple(int(it * _DARKER) for it in colour)
                )
    for body in bodies:
        for point, colour in zip(body, _COLOURS, strict=True):
            if point:
                pen.circle(point, radius, fill=colour)
    return np.array(picture, dtype=np.uint8)


def _body(joints: "Joints", threshold: float) -> list[tuple[float, float] | None]:
    """The eighteen points in OpenPose's order; the neck lies between the shoulders. None for what is not sure."""
    sure = [(float(x), float(y)) if score >= threshold else None for x, y, score in joints]
    left, right = (sure[place] for place in _SHOULDERS)
    neck = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    return [neck if place == _NECK else sure[place] for place in _FROM_COCO]


def _ellipse(
    one: tuple[float, float], other: tuple[float, float], radius: float
) -> Iterator[tuple[float, float]]:
    """The corners of an ellipse from one point to another, `radius` wide to either side."""
    middle = ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
    half = (other[0] - one[0]) / 2, (other[1] - one[1]) / 2
    length = math.hypot(*half)
    across = (-half[1] / length * radius, half[0] / length * radius) if length else (0.0, radius)
    for corner in range(_CORNERS):
        angle = 2 * math.pi * corner / _CORNERS
        far, aside = math.cos(angle), math.sin(angle)
        yield (middle[0] + far * half[0] + aside * across[0], middle[1] + far * half[1] + aside * across[1])
