"""Draws `edges.png`, the outlines of `sketch.png`: white lines on black, as a ControlNet for Canny edges takes them.

Run it as `python draw_edges.py`; it needs Pillow alone.
"""

from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

HERE = Path(__file__).parent
STRONG = 48
"""How far two neighbours differ in some channel where there is an edge."""


def edges(picture: Image.Image) -> Image.Image:
    """Lines of one or two pixels where colours change."""
    picture = picture.convert("RGB")
    largest = picture.filter(ImageFilter.MaxFilter(3))
    smallest = picture.filter(ImageFilter.MinFilter(3))
    red, green, blue = ImageChops.difference(largest, smallest).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return most.point([255 if value >= STRONG else 0 for value in range(256)]).convert("RGB")


if __name__ == "__main__":
    edges(Image.open(HERE / "sketch.png")).save(HERE / "edges.png", optimize=True)
