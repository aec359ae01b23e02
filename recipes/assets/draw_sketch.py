"""Paints `sketch.png`, the rough landscape that the img2img recipe starts from.

Run it as `python draw_sketch.py`; it needs Pillow alone and paints the same picture every time. Every stroke
is a bundle of bristles, each a line with a colour and a path a little of its own.
"""

import math
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT, FINENESS = 768, 512, 2
MOUTH = 465

Point = tuple[float, float]
Colour = tuple[int, int, int]


class Canvas:
    """A sheet and a brush; lengths are in pixels of the finished picture."""

    def __init__(self, paper: Colour, seed: int) -> None:
        self.random = random.Random(seed)  # no secret is drawn
        self.picture = Image.new("RGB", (WIDTH * FINENESS, HEIGHT * FINENESS), paper)
        self.draw = ImageDraw.Draw(self.picture)

    def ground(self, outline: Sequence[Point], colour: Colour) -> None:
        """A thin coat under the strokes, so that the paper does not shine through everywhere."""
        self.draw.polygon([(x * FINENESS, y * FINENESS) for x, y in outline], fill=colour)

    def stroke(self, path: Sequence[Point], colour: Colour, width: float, *, unrest: int = 14) -> None:
        """One stroke of a brush along a path."""
        start, end = path[0], path[-1]
        length = math.dist(start, end) or 1.0
        across = (-(end[1] - start[1]) / length, (end[0] - start[0]) / length)
        for _ in range(max(3, int(width * 1.2))):
            offset = self.random.uniform(-0.5, 0.5) * width
            shade = self.random.randint(-unrest, unrest)
            tint = (_bounded(colour[0] + shade), _bounded(colour[1] + shade), _bounded(colour[2] + shade))
            wobble = [self.random.gauss(0, width * 0.05) for _ in path]
            line = [
                ((x + across[0] * (offset + by)) * FINENESS, (y + across[1] * (offset + by)) * FINENESS)
                for (x, y), by in zip(path, wobble, strict=True)
            ]
            self.draw.line(line, fill=tint, width=self.random.choice((2, 3, 4, 5)), joint="curve")

    def dab(self, x: float, y: float, colour: Colour, size: float, angle: float) -> None:
        """A short stroke, bent a little."""
        dx, dy = math.cos(angle) * size, math.sin(angle) * size
        bend = self.random.uniform(-0.2, 0.2) * size
        self.stroke([(x - dx, y - dy), (x - dy * 0.1, y + bend * 0.4), (x + dx, y + dy)], colour, size * 0.55)

    def finished(self) -> Image.Image:
        """The picture at its size, its edges softened as paint softens them."""
        soft = self.picture.filter(ImageFilter.GaussianBlur(1.2))
        return soft.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def sky(canvas: Canvas) -> None:
    """Long strokes from blue to a warm horizon, some clouds, the sun."""
    for y in range(-4, 300, 6):
        warmth = min(1.0, max(0.0, y / 270))
        colour = _between(_between((84, 150, 214), (206, 226, 232), warmth), (252, 216, 170), warmth**2)
        for x in range(-60, WIDTH, 130):
            left = x + canvas.random.uniform(-30, 30)
            path = [(left + part * 50, y + canvas.random.gauss(0, 2)) for part in range(5)]
            canvas.stroke(path, colour, 12, unrest=7)
    for x, y, size in ((130, 70, 58), (215, 92, 40), (640, 60, 60), (420, 44, 34)):
        for _ in range(16):
            cloud_x, cloud_y = x + canvas.random.gauss(0, size * 0.6), y + canvas.random.gauss(0, size * 0.13)
            canvas.dab(cloud_x, cloud_y, (248, 246, 242), size * 0.3, canvas.random.uniform(-0.2, 0.2))
    for radius in range(3, 40, 5):
        turn = canvas.random.uniform(0, 6)
        circle = [turn + step * 0.35 for step in range(19)]
        path = [(560 + math.cos(angle) * radius, 128 + math.sin(angle) * radius) for angle in circle]
        for piece in range(0, 18, 3):
            canvas.stroke(path[piece : piece + 4], (255, 222, 96), 8, unrest=8)


def mountains(canvas: Canvas) -> None:
    """Two ranges: pale far ones, and near peaks with a lit side, a shadow side and snow."""
    for x, top, half in ((60, 205, 130), (250, 190, 150), (470, 215, 140), (690, 195, 150)):
        mountain(canvas, (x, top), half, 312, (150, 164, 190), (126, 142, 174), snow=0)
    mountain(canvas, (165, 118), 190, 322, (122, 116, 128), (74, 76, 98), snow=0.33)
    mountain(canvas, (372, 88), 205, 326, (132, 122, 128), (78, 80, 102), snow=0.36)
    mountain(canvas, (662, 168), 165, 322, (124, 120, 132), (80, 84, 106), snow=0.24)


def mountain(
    canvas: Canvas, peak: Point, half: float, foot: float, lit: Colour, shaded: Colour, *, snow: float
) -> None:
    """One peak, painted downwards; the sun stands at its right."""
    height = foot - peak[1]
    canvas.ground([peak, (peak[0] - half, foot), (peak[0] - half * 0.1, foot)], shaded)
    canvas.ground([peak, (peak[0] - half * 0.1, foot), (peak[0] + half, foot)], lit)
    for number in range(int(half * 2)):
        place = canvas.random.uniform(-1, 1)
        ridge = 0.1 * math.sin(number * 1.7)
        depth = canvas.random.uniform(0, 1 - abs(place)) if number % 2 else 0
        top = peak[1] + (abs(place) + depth) * height + canvas.random.uniform(0, 10)
        bottom = min(foot + 6, top + canvas.random.uniform(0.2, 0.5) * height)
        x = peak[0] + place * half
        lean = (0.28 if place > ridge else -0.28) * (bottom - top)
        colour = lit if place > ridge else shaded
        canvas.stroke([(x, top), (x + lean * 0.6, (top + bottom) / 2), (x + lean, bottom)], colour, 15)
    for _ in range(int(half * snow)):
        place = canvas.random.triangular(-snow, snow, 0)
        top = peak[1] + abs(place) * height + canvas.random.uniform(-2, 4)
        length = (snow - abs(place)) * height * canvas.random.uniform(0.3, 0.9)
        lean = 0.3 * length * (1 if place > 0 else -1)
        colour = (250, 246, 240) if place > 0 else (198, 206, 226)
        x = peak[0] + place * half
        canvas.stroke([(x, top), (x + lean, top + length)], colour, 7, unrest=6)


def meadow(canvas: Canvas) -> None:
    """Short strokes, lighter and yellower in the distance."""
    canvas.ground([(0, 306), (WIDTH, 306), (WIDTH, HEIGHT), (0, HEIGHT)], (122, 154, 78))
    for y in range(308, HEIGHT + 10, 7):
        near = (y - 308) / (HEIGHT - 308)
        for x in range(-10, WIDTH + 20, 22):
            colour = _between((158, 178, 92), (70, 118, 54), near)
            at = (x + canvas.random.uniform(-9, 9), y + canvas.random.uniform(-3, 3))
            canvas.dab(*at, colour, 12 + near * 12, canvas.random.uniform(-0.25, 0.25))


def river(canvas: Canvas) -> None:
    """From between the mountains towards the onlooker, in two bends, wider and wider."""
    for y in range(314, HEIGHT + 12, 4):
        near = (y - 314) / (HEIGHT - 314)
        middle = 452 + 78 * math.sin(near * 4.6 + 0.4) * (0.35 + near) - 110 * near
        half = 7 + 100 * near**1.5
        bank = [(middle - half - 5, y), (middle + half + 5, y)]
        canvas.stroke(bank, _between((150, 140, 100), (120, 104, 70), near), 6, unrest=8)
        colour = _between((176, 206, 226), (62, 124, 178), near**0.8)
        path = [(middle + half * side, y + canvas.random.gauss(0, 1)) for side in (-1, -0.5, 0, 0.5, 1)]
        canvas.stroke(path, colour, 6, unrest=12)
    for _ in range(46):
        near = canvas.random.uniform(0.1, 1)
        middle = 452 + 78 * math.sin(near * 4.6 + 0.4) * (0.35 + near) - 110 * near
        x = middle + canvas.random.uniform(-0.7, 0.7) * (7 + 100 * near**1.5)
        level = 314 + near * (HEIGHT - 314)
        canvas.stroke(
            [(x - 3 - 9 * near, level), (x, level - 1), (x + 3 + 9 * near, level)], (214, 230, 240), 1.5
        )


def trees(canvas: Canvas) -> None:
    """A far line of wood, then firs on both sides, the far ones first."""
    for _ in range(230):
        x = canvas.random.uniform(-5, WIDTH + 5)
        if abs(x - MOUTH) > WIDTH / 20:
            canvas.dab(
                x, 312 + canvas.random.gauss(0, 4), (66, 98, 76), 7, math.pi / 2 + canvas.random.gauss(0, 0.2)
            )
    firs = [(575, 372, 62), (96, 362, 66), (640, 392, 92), (178, 384, 84), (44, 424, 138), (708, 446, 168)]
    for x, foot, height in firs:
        fir(canvas, x, foot, height)


def fir(canvas: Canvas, x: float, foot: float, height: float) -> None:
    """A trunk and boughs that hang to both sides, lighter at the right."""
    canvas.stroke([(x, foot), (x, foot - height * 0.4)], (84, 62, 48), height * 0.08)
    for step in range(26):
        share = step / 25
        y = foot - height * (0.12 + 0.88 * (1 - share))
        reach = height * (0.03 + 0.29 * share) * canvas.random.uniform(0.8, 1.1)
        for side, colour in ((-1, (30, 66, 52)), (1, (52, 98, 62))):
            tip = (x + side * reach, y + reach * 0.45 + canvas.random.uniform(-2, 2))
            canvas.stroke(
                [(x, y - reach * 0.2), (x + side * reach * 0.5, y), tip], colour, 3 + height * 0.035
            )


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _bounded(value: int) -> int:
    return max(0, min(255, value))


def sketch() -> Image.Image:
    """The whole landscape, from back to front."""
    canvas = Canvas((238, 226, 206), seed=1888)
    for part in (sky, mountains, meadow, river, trees):
        part(canvas)
    return canvas.finished()


if __name__ == "__main__":
    sketch().save(Path(__file__).with_name("sketch.png"), optimize=True)
