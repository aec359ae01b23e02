"""Draws `sketch-mask.png`: the part of `sketch.png` that the inpaint recipe paints anew, in white.

Run it as `python draw_mask.py`; it needs Pillow alone.
"""

from pathlib import Path

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 768, 512
PAINTED = (470, 150, 730, 420)

if __name__ == "__main__":
    mask = Image.new("L", (WIDTH, HEIGHT), 0)
    ImageDraw.Draw(mask).ellipse(PAINTED, fill=255)
    mask.save(Path(__file__).with_name("sketch-mask.png"), optimize=True)
