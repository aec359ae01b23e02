"""Draws `toy-edges.png`, the outlines of a house: white lines on black, of the size that toybox draws at.

Run it as `python draw_toy_edges.py`; it needs Pillow alone.
"""

from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
SIDE = 128
LINES = (
    ((0, 86), (30, 84)),  # the ground to the left
    ((98, 84), (128, 88)),  # and to the right
    ((30, 100), (98, 100), (98, 58), (30, 58), (30, 100)),  # walls
    ((22, 58), (64, 26), (106, 58), (22, 58)),  # the roof
    ((57, 100), (57, 76), (71, 76), (71, 100)),  # a door
    ((38, 66), (50, 66), (50, 78), (38, 78), (38, 66)),  # two windows
    ((78, 66), (90, 66), (90, 78), (78, 78), (78, 66)),
)


def house() -> Image.Image:
    """Lines of one pixel, as Canny's detector gives them."""
    picture = Image.new("RGB", (SIDE, SIDE))
    pen = ImageDraw.Draw(picture)
    for line in LINES:
        pen.line(line, fill="white")
    return picture


if __name__ == "__main__":
    house().save(HERE / "toy-edges.png", optimize=True)
