"""Drawings to train on where Microsoft's are not: a shape and a colour of its own for every thing."""

from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from training.vocabulary import THINGS


def draw_artwork(folder: Path) -> Path:
    """A WebP file for every thing in the vocabulary, as the package has them."""
    folder.mkdir(parents=True)
    for thing in THINGS.values():
        random = Random(thing.name)
        picture = Image.new("RGBA", (64, 64))
        draw = ImageDraw.Draw(picture)
        colour = (random.randrange(256), random.randrange(256), random.randrange(256), 255)
        corners = [(random.randrange(4, 60), random.randrange(4, 60)) for _ in range(5)]
        draw.ellipse((10, 20, 54, 60), fill=colour)
        draw.polygon(corners, fill=(*colour[::-1][1:], 255))
        name = "-".join(f"{ord(character):x}" for character in thing.emoji)
        picture.save(folder / f"{name}.webp", lossless=True)
    return folder
