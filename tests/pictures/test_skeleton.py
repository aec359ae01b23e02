"""Skeletons as OpenPose draws them: which joint lies where, and in which colour."""

from typing import Any

import numpy as np
import pytest

from sdflow.pictures.skeleton import draw_skeletons

NAMES = "nose leye reye lear rear lsh rsh lelb relb lwr rwr lhip rhip lknee rknee lank rank".split()  # noqa: SIM905  # COCO's own order
PLACES = {
    "nose": (256, 90), "leye": (268, 78), "reye": (244, 78), "lear": (284, 86), "rear": (228, 86),
    "lsh": (310, 150), "rsh": (202, 150), "lelb": (370, 110), "relb": (170, 230), "lwr": (400, 40), "rwr": (150, 300),
    "lhip": (285, 300), "rhip": (227, 300), "lknee": (300, 395), "rknee": (215, 395), "lank": (310, 490),
    "rank": (205, 490), "neck": (256, 150),
}  # fmt: skip
POINTS = {
    "nose": (255, 0, 0), "neck": (255, 85, 0), "rsh": (255, 170, 0), "relb": (255, 255, 0), "rwr": (170, 255, 0),
    "lsh": (85, 255, 0), "lelb": (0, 255, 0), "lwr": (0, 255, 85), "rhip": (0, 255, 170), "rknee": (0, 255, 255),
    "rank": (0, 170, 255), "lhip": (0, 85, 255), "lknee": (0, 0, 255), "lank": (85, 0, 255), "reye": (170, 0, 255),
    "leye": (255, 0, 255), "rear": (255, 0, 170), "lear": (255, 0, 85),
}  # fmt: skip
LIMBS = {
    ("neck", "rsh"): (255, 0, 0), ("neck", "lsh"): (255, 85, 0), ("rsh", "relb"): (255, 170, 0),
    ("relb", "rwr"): (255, 255, 0), ("lsh", "lelb"): (170, 255, 0), ("lelb", "lwr"): (85, 255, 0),
    ("neck", "rhip"): (0, 255, 0), ("rhip", "rknee"): (0, 255, 85), ("rknee", "rank"): (0, 255, 170),
    ("neck", "lhip"): (0, 255, 255), ("lhip", "lknee"): (0, 170, 255), ("lknee", "lank"): (0, 85, 255),
    ("neck", "nose"): (0, 0, 255), ("nose", "reye"): (85, 0, 255), ("reye", "rear"): (170, 0, 255),
    ("nose", "leye"): (255, 0, 255), ("leye", "lear"): (255, 0, 170),
}  # fmt: skip
"""OpenPose's colours of points; its limbs have them by their own order, and darker."""


def person(scale: float = 1.0, **scores: float) -> Any:
    """Somebody who waves, float32[17, 3] in COCO's order; `scores` are other than 0.9."""
    rows = [(*(scale * it for it in PLACES[name]), scores.get(name, 0.9)) for name in NAMES]
    return np.array(rows, dtype=np.float32)


def drawn(*people: Any, side: int = 512) -> Any:
    return draw_skeletons([people], side, side, 0.3).pixels[0]


def test_points_and_limbs_have_openposes_places_and_colours() -> None:
    picture = drawn(person())
    for name, colour in POINTS.items():
        x, y = PLACES[name]
        assert tuple(picture[y, x]) == colour, name
    for (one, other), colour in LIMBS.items():
        (x, y), (right, down) = PLACES[one], PLACES[other]
        middle = tuple(picture[(y + down) // 2, (x + right) // 2])
        assert middle == tuple(int(0.6 * it) for it in colour), (one, other)
    assert (picture.any(axis=-1)).mean() < 0.05


@pytest.mark.parametrize(
    ("unsure", "gone", "stays"),
    [
        ("lwr", {("lelb", "lwr")}, "lelb"),
        (
            "lsh",
            {("neck", "lsh"), ("lsh", "lelb"), ("neck", "rsh"), ("neck", "nose"), ("neck", "rhip")},
            "rsh",
        ),
    ],
)
def test_what_is_not_sure_is_not_drawn(unsure: str, gone: set[tuple[str, str]], stays: str) -> None:
    """Without a shoulder there is no neck, and nothing hangs on it."""
    picture = drawn(person(**{unsure: 0.29}))
    x, y = PLACES[unsure]
    assert not picture[y, x].any()
    for one, other in gone:
        (x, y), (right, down) = PLACES[one], PLACES[other]
        assert not picture[(y + down) // 2, (x + right) // 2].any(), (one, other)
    x, y = PLACES[stays]
    assert tuple(picture[y, x]) == POINTS[stays]


def test_a_larger_picture_has_thicker_lines_and_nobody_is_black() -> None:
    small, large = drawn(person()), drawn(person(2.0), side=1024)
    shares = [picture.any(axis=-1).mean() for picture in (small, large)]
    assert shares[1] == pytest.approx(shares[0], rel=0.1)
    assert not drawn().any()


def test_points_lie_over_the_limbs_of_everybody() -> None:
    other = person()
    other[:, 0] += 54  # whose neck is where the first one's shoulder is
    picture = drawn(person(), other)
    assert tuple(picture[PLACES["lsh"][1], PLACES["lsh"][0]]) == POINTS["neck"]
    assert tuple(picture[PLACES["neck"][1], PLACES["neck"][0]]) == POINTS["rsh"]
