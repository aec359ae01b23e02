"""Masks by lot: what an inpainting model is to paint anew."""

import math
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from training.backgrounds import SIDE
from training.scenes import Scene

Mask = npt.NDArray[np.bool_]


def draw_mask(random: Random, scene: Scene) -> Mask:
    """Rectangles, ellipses, strokes, a thing's place, all around it, or the whole: bool[128, 128], True to paint."""
    kinds = (_rectangle, _ellipse, _strokes, _thing, _around, _whole)
    drawn = Image.new("1", (SIDE, SIDE))
    while drawn.getbbox() is None:
        random.choices(kinds, (0.22, 0.2, 0.14, 0.26, 0.08, 0.1))[0](drawn, random, scene)
    return np.asarray(drawn)


def _box(random: Random) -> tuple[float, float, float, float]:
    width, height = random.uniform(24, 112), random.uniform(24, 112)
    left, top = random.uniform(-8, SIDE - width + 8), random.uniform(-8, SIDE - height + 8)
    return left, top, left + width, top + height


def _rectangle(drawn: Image.Image, random: Random, _: Scene) -> None:
    ImageDraw.Draw(drawn).rectangle(_box(random), fill=1)


def _ellipse(drawn: Image.Image, random: Random, _: Scene) -> None:
    ImageDraw.Draw(drawn).ellipse(_box(random), fill=1)


def _strokes(drawn: Image.Image, random: Random, _: Scene) -> None:
    for _stroke in range(random.randint(1, 3)):
        x, y, turn = random.uniform(0, SIDE), random.uniform(0, SIDE), random.uniform(0, math.tau)
        width, points = random.randint(10, 34), [(x, y)]
        for _step in range(random.randint(2, 5)):
            turn += random.uniform(-1.2, 1.2)
            x, y = x + 26 * math.cos(turn), y + 26 * math.sin(turn)
            points.append((x, y))
        pen = ImageDraw.Draw(drawn)
        pen.line(points, fill=1, width=width, joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=1)


def _thing(drawn: Image.Image, random: Random, scene: Scene) -> None:
    """A column that holds one thing, or two of them: what comes there is told by the prompt alone."""
    placed = random.choice(scene.placed)
    half = placed.size / 2 + random.uniform(1, 9)
    top, bottom = random.uniform(-1, 16), SIDE - random.uniform(-1, 10)
    box = (placed.x - half, top, placed.x + half, bottom)
    pen = ImageDraw.Draw(drawn)
    (pen.rectangle if random.random() < 0.6 else pen.ellipse)(box, fill=1)


def _around(drawn: Image.Image, random: Random, scene: Scene) -> None:
    drawn.paste(1, (0, 0, SIDE, SIDE))
    (_ellipse if random.random() < 0.5 else _rectangle)(hole := Image.new("1", (SIDE, SIDE)), random, scene)
    drawn.paste(0, (0, 0), hole)


def _whole(drawn: Image.Image, _: Random, __: Scene) -> None:
    drawn.paste(1, (0, 0, SIDE, SIDE))
