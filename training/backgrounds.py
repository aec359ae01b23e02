"""Painted backgrounds: places under the sky by day, at night and at sunset, and plain walls of one colour."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from training.vocabulary import COLOURS

SIDE = 128
FINE = 2  # painted at twice the size of the picture, then halved: that smooths the edges
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A painted background.

    Attributes:
        words: how a caption may end when things stand here.
        paint: draws it; gives the picture and the height of the ground in pixels from the top, or None where
            things float.
        night: whether it is painted at night too ("in a forest at night").
    """

    words: tuple[str, ...]
    paint: "Callable[[Brush], float | None]"
    night: bool = False


class Brush:
    """A picture being painted, in units of pixels of 128×128, with a random number generator at hand."""

    def __init__(self, random: Random, scale: int = 1) -> None:
        """Of `scale` times 128 pixels a side, once it is halved."""
        self.random, self._fine = random, FINE * scale
        self.image = Image.new("RGB", (SIDE * self._fine, SIDE * self._fine))
        self._draw = ImageDraw.Draw(self.image)

    def near(self, colour: Colour, by: int = 10) -> Colour:
        """A colour that differs from `colour` by at most `by` in every channel."""
        red, green, blue = (min(255, max(0, part + self.random.randint(-by, by))) for part in colour)
        return red, green, blue

    def gradient(self, *colours: Colour) -> None:
        """From top to bottom through `colours`, evenly spaced."""
        heights = np.linspace(0, 1, len(colours))
        rows = np.linspace(0, 1, SIDE * self._fine)
        column = np.stack(
            [np.interp(rows, heights, [colour[k] for colour in colours]) for k in range(3)], axis=1
        )
        pixels = np.broadcast_to(
            column[:, None].round().astype(np.uint8), (SIDE * self._fine, SIDE * self._fine, 3)
        )
        self.image.paste(Image.fromarray(np.ascontiguousarray(pixels)))

    def ellipse(self, x: float, y: float, width: float, height: float, fill: Colour) -> None:
        """An ellipse around a centre, by its half axes."""
        box = (
            (x - width) * self._fine,
            (y - height) * self._fine,
            (x + width) * self._fine,
            (y + height) * self._fine,
        )
        self._draw.ellipse(box, fill=fill)

    def ring(self, x: float, y: float, radius: float, outline: Colour) -> None:
        """A circle that is not filled."""
        box = (
            (x - radius) * self._fine,
            (y - radius) * self._fine,
            (x + radius) * self._fine,
            (y + radius) * self._fine,
        )
        self._draw.ellipse(box, outline=outline, width=self._fine)

    def rectangle(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """A rectangle by its corners."""
        self._draw.rectangle(
            (left * self._fine, top * self._fine, right * self._fine - 1, bottom * self._fine - 1), fill=fill
        )

    def polygon(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * self._fine, y * self._fine) for x, y in points], fill=fill)

    def line(self, points: Sequence[tuple[float, float]], fill: Colour, width: float) -> None:
        """A line through `points`."""
        self._draw.line(
            [(x * self._fine, y * self._fine) for x, y in points], fill=fill, width=round(width * self._fine)
        )

    def hill(self, base: float, height: float, fill: Colour) -> None:
        """Everything below a wave around `base`."""
        phase, waves = self.random.random() * math.tau, self.random.uniform(0.35, 0.85)
        crest = [
            (x, base + height * math.sin(phase + waves * x / SIDE * math.tau)) for x in range(0, SIDE + 4, 4)
        ]
        self.polygon([*crest, (SIDE + 4, SIDE + 4), (0, SIDE + 4)], fill)

    def stars(self, count: int, above: int = SIDE) -> None:
        """Small bright dots in the upper part."""
        for _ in range(count):
            x, y, bright = (
                self.random.randint(0, SIDE),
                self.random.randint(0, above),
                self.random.randint(170, 255),
            )
            size = 1.2 if self.random.random() < 0.25 else 0.6
            self.ellipse(x, y, size, size, (bright, bright, min(255, bright + 20)))

    def cloud(self, x: float, y: float, size: float, fill: Colour = (250, 252, 255)) -> None:
        """Five ellipses."""
        for dx, dy, radius in (
            (-1, 0.2, 0.6),
            (0, -0.15, 0.8),
            (1, 0.2, 0.6),
            (0.4, 0.3, 0.6),
            (-0.4, 0.3, 0.6),
        ):
            self.ellipse(x + dx * size, y + dy * size, radius * size, radius * size * 0.7, fill)


def _meadow(brush: Brush) -> float:
    brush.gradient(brush.near((90, 170, 245)), brush.near((190, 225, 250)))
    for _ in range(brush.random.randint(0, 3)):
        brush.cloud(brush.random.randint(0, SIDE), brush.random.randint(8, 40), brush.random.randint(6, 12))
    base = brush.random.randint(72, 90)
    brush.hill(base, 8, brush.near((120, 195, 85)))
    brush.hill(base + 14, 6, brush.near((90, 175, 65)))
    return base + 26


def _beach(brush: Brush) -> float:
    brush.gradient(brush.near((100, 190, 250)), brush.near((200, 235, 252)))
    base = brush.random.randint(62, 76)
    brush.rectangle(0, base, SIDE, SIDE, brush.near((40, 140, 200)))
    brush.hill(base + 18, 4, (230, 245, 250))
    brush.hill(base + 21, 4, brush.near((240, 215, 160), 8))
    return base + 42


def _desert(brush: Brush) -> float:
    brush.gradient(brush.near((250, 190, 120)), brush.near((253, 228, 180)))
    base = brush.random.randint(68, 86)
    brush.hill(base, 10, brush.near((225, 165, 90)))
    brush.hill(base + 18, 7, brush.near((210, 145, 70)))
    return base + 30


def _snow(brush: Brush) -> float:
    brush.gradient(brush.near((150, 185, 225)), brush.near((215, 228, 242)))
    base = brush.random.randint(68, 86)
    brush.hill(base, 9, brush.near((228, 236, 246), 5))
    brush.hill(base + 16, 6, (246, 250, 255))
    for _ in range(22):
        brush.ellipse(brush.random.randint(0, SIDE), brush.random.randint(0, SIDE), 1.3, 1.3, (255, 255, 255))
    return base + 28


def _space(brush: Brush) -> None:
    brush.gradient(brush.near((10, 10, 35), 6), brush.near((40, 22, 80)))
    brush.stars(40)


def _mars(brush: Brush) -> float:
    brush.gradient(brush.near((70, 25, 25), 8), brush.near((215, 120, 80)))
    brush.stars(12, 50)
    base = brush.random.randint(74, 90)
    brush.hill(base, 7, brush.near((170, 70, 40)))
    brush.hill(base + 14, 5, brush.near((195, 85, 48)))
    for _ in range(4):
        x, y, size = (
            brush.random.randint(0, SIDE),
            brush.random.randint(base + 16, SIDE),
            brush.random.randint(4, 9),
        )
        brush.ellipse(x, y, size, size * 0.4, (150, 58, 34))
    return base + 26


def _moon(brush: Brush) -> float:
    brush.gradient((8, 8, 16), (24, 24, 40))
    brush.stars(30, 74)
    base = brush.random.randint(76, 92)
    brush.hill(base, 6, brush.near((170, 172, 180), 8))
    for _ in range(5):
        x, y, size = (
            brush.random.randint(0, SIDE),
            brush.random.randint(base + 12, SIDE),
            brush.random.randint(4, 9),
        )
        brush.ellipse(x, y, size, size * 0.4, (135, 137, 146))
    return base + 26


def _sea(brush: Brush) -> None:
    brush.gradient(brush.near((60, 180, 225)), brush.near((10, 60, 130)))
    for _ in range(brush.random.randint(5, 10)):
        x, y, radius = brush.random.randint(0, SIDE), brush.random.randint(0, 100), brush.random.randint(1, 4)
        brush.ring(x, y, radius, (190, 235, 250))
    brush.hill(brush.random.randint(108, 116), 4, brush.near((205, 185, 125)))
    for _ in range(3):
        x, tall = brush.random.randint(0, SIDE), brush.random.randint(12, 28)
        brush.line([(x + 3 * math.sin(up / 4), 120 - up) for up in range(0, tall, 2)], (40, 150, 80), 3)


def _sunset(brush: Brush) -> float:
    brush.gradient(brush.near((75, 40, 120)), brush.near((235, 95, 90)), brush.near((255, 195, 95)))
    base, x, size = (
        brush.random.randint(80, 94),
        brush.random.randint(15, SIDE - 15),
        brush.random.randint(11, 16),
    )
    brush.ellipse(x, base - 6, size, size, (255, 238, 160))
    brush.hill(base, 5, brush.near((60, 32, 62), 6))
    return base + 26


def _city(brush: Brush) -> float:
    brush.gradient((12, 16, 50), brush.near((50, 45, 110)))
    brush.stars(12, 50)
    left = 0
    while left < SIDE:
        width, tall = brush.random.randint(14, 24), brush.random.randint(32, 78)
        brush.rectangle(left, SIDE - 14 - tall, left + width, SIDE, brush.near((34, 36, 66), 8))
        for top in range(SIDE - 10 - tall, SIDE - 20, 8):
            for window in range(left + 3, left + width - 3, 6):
                if brush.random.random() < 0.5:
                    brush.rectangle(window, top, window + 3, top + 4, (255, 215, 110))
        left += width + 1
    brush.rectangle(0, SIDE - 14, SIDE, SIDE, (58, 58, 66))
    return SIDE - 4


def _forest(brush: Brush) -> float:
    brush.gradient(brush.near((150, 205, 160)), brush.near((80, 150, 95)))
    for layer, green in enumerate(((70, 140, 90), (40, 110, 65))):
        for tree in range(6):
            x, tall = tree * 24 + layer * 12 + brush.random.uniform(-7, 7), brush.random.randint(45, 75)
            foot, colour = 86 + layer * 8, brush.near(green, 6)
            brush.rectangle(x - 2, foot - tall * 0.1, x + 2, foot + 6, (95, 65, 45))
            for tier in range(3):
                top, wide = foot - tall + tier * tall * 0.2, 6 + 5 * tier
                low = foot - tall * 0.62 + tier * tall * 0.27
                brush.polygon([(x, top), (x - wide, low), (x + wide, low)], colour)
    brush.hill(94, 4, brush.near((75, 125, 55), 8))
    return 114


def _sky(brush: Brush) -> None:
    brush.gradient(brush.near((70, 150, 240)), brush.near((170, 215, 250)))
    for _ in range(brush.random.randint(3, 6)):
        brush.cloud(brush.random.randint(0, SIDE), brush.random.randint(8, SIDE), brush.random.randint(8, 17))


PLACES: Mapping[str, Place] = {
    "meadow": Place(
        ("in a meadow", "in a green meadow", "in a field of grass", "on the grass", "in the countryside"),
        _meadow,
        True,
    ),
    "beach": Place(("on a beach", "at the beach", "on the beach", "by the sea"), _beach, True),
    "desert": Place(("in the desert", "in a desert", "on sand dunes"), _desert, True),
    "snow": Place(("in the snow", "in a snowy landscape", "in winter"), _snow, True),
    "space": Place(("in space", "in outer space", "floating in space", "in the galaxy"), _space),
    "mars": Place(("on mars", "on mars", "on the red planet"), _mars),
    "moon": Place(("on the moon", "on the surface of the moon"), _moon),
    "sea": Place(("under the sea", "underwater", "in the ocean"), _sea),
    "sunset": Place(("at sunset", "in the evening", "at dusk"), _sunset),
    "city": Place(("in the city at night", "in a city at night", "in the city"), _city),
    "forest": Place(("in a forest", "in the forest", "in the woods"), _forest, True),
    "sky": Place(("in the sky", "in the clouds", "flying in the sky", "among clouds"), _sky),
}

# What a classifier tells apart, in this order: the places, then the plain colours.
BACKGROUNDS = (*PLACES, *COLOURS)


def paint_place(
    name: str, random: Random, *, night: bool = False, scale: int = 1
) -> tuple[Image.Image, float | None]:
    """A place as a picture of `scale` times 128×128 pixels, and the height of its ground, or None where things float.

    The height is that in a picture of 128 pixels.
    """
    brush = Brush(random, scale)
    ground = PLACES[name].paint(brush)
    if night:
        _darken(brush)
    return brush.image.reduce(FINE), ground


def _darken(brush: Brush) -> None:
    """Night falls: dark and blue, with stars in the upper part and sometimes the moon."""
    pixels = np.asarray(brush.image).astype(np.float32)
    dark = pixels * np.array([0.22, 0.27, 0.40], np.float32) + np.array([4, 6, 22], np.float32)
    brush.image.paste(Image.fromarray(dark.round().clip(0, 255).astype(np.uint8)))
    brush.stars(16, 48)
    if brush.random.random() < 0.5:
        brush.ellipse(
            brush.random.randint(14, SIDE - 14), brush.random.randint(12, 30), 8, 8, (250, 246, 215)
        )


def paint_plain(colour: str, random: Random, scale: int = 1) -> Image.Image:
    """A wall of one colour, lighter at its top more often than not."""
    brush = Brush(random, scale)
    low = brush.near(COLOURS[colour], 8)
    red, green, blue = (int(part + (255 - part) * 0.18) for part in low)
    brush.gradient((red, green, blue) if random.random() < 0.7 else low, low)
    return brush.image.reduce(FINE)
