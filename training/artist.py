"""The artist: scenes as pictures, from the drawings of their things."""

from collections.abc import Mapping
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from training.backgrounds import SIDE, paint_place, paint_plain
from training.scenes import Placed, Scene, Style
from training.vocabulary import COLOURS, HUES, THINGS, Thing

Pixels = npt.NDArray[np.uint8]


class Artist:
    """Renders scenes from the artwork."""

    def __init__(self, artwork: Path, things: Mapping[str, Thing] = THINGS, scale: int = 1) -> None:
        """Reads the sprites of `things` from a folder of `CODEPOINTS.webp` files. A side has `scale` times 128 pixels.

        Raises:
            FileNotFoundError: the artwork of a thing is not there.
        """
        self._scale = scale
        self._sprites = {thing.name: _sprite(artwork, thing) for thing in things.values()}

    def render(self, scene: Scene) -> Pixels:
        """The picture, uint8 [128, 128, 3] in sRGB (times the scale). The same scene always gives the same bytes."""
        random = Random(scene.seed)
        ground: float | None = None
        if scene.background in COLOURS:
            picture = paint_plain(scene.background, random, self._scale)
        else:
            picture, ground = paint_place(scene.background, random, night=scene.night, scale=self._scale)
        shadows = ground is not None
        if scene.kind == "riding":
            self._ride(picture, scene, ground, shadow=shadows)
        else:
            for placed in scene.placed:
                self._stand(picture, placed, ground, shadow=shadows and scene.kind != "several")
        return np.asarray(_styled(picture, scene.style, self._scale))

    def _stand(self, picture: Image.Image, placed: Placed, ground: float | None, *, shadow: bool) -> None:
        sprite = self._sized(placed)
        width, height = sprite.width / self._scale, sprite.height / self._scale
        if ground is None:
            top = SIDE / 2 + placed.y - height / 2
        else:
            foot = max(min(ground + placed.y, SIDE - 3), min(height * 0.95, SIDE - 3))
            top = foot - height
            if shadow:
                self._shadow(picture, placed.x, foot, width * 0.42)
        self._paste(picture, sprite, placed.x - width / 2, top)

    def _ride(self, picture: Image.Image, scene: Scene, ground: float | None, *, shadow: bool) -> None:
        mount, rider = (self._sized(placed) for placed in scene.placed)
        below, above = scene.placed
        (wide, tall), (narrow, small) = (
            (it.width / self._scale, it.height / self._scale) for it in (mount, rider)
        )
        seat = tall * 0.62
        stands_at = SIDE / 2 + 36 if ground is None else min(SIDE - 4, ground + 2)
        foot = max(stands_at + below.y, min(seat + small * 0.92, SIDE - 3))
        if shadow:
            self._shadow(picture, below.x, foot, wide * 0.42)
        self._paste(picture, mount, below.x - wide / 2, foot - tall)
        self._paste(picture, rider, above.x - narrow / 2, max(-4, foot - seat - small + 4))

    def _paste(self, picture: Image.Image, sprite: Image.Image, left: float, top: float) -> None:
        picture.paste(sprite, (round(left * self._scale), round(top * self._scale)), sprite)

    def _shadow(self, picture: Image.Image, x: float, y: float, half: float) -> None:
        mask, scale = Image.new("L", picture.size), self._scale
        box = ((x - half) * scale, (y - 4) * scale, (x + half) * scale, (y + 4) * scale)
        ImageDraw.Draw(mask).ellipse(box, fill=80)
        picture.paste((20, 20, 25), (0, 0), mask.filter(ImageFilter.GaussianBlur(1.5 * scale)))

    def _sized(self, placed: Placed) -> Image.Image:
        sprite = self._sprites[placed.thing]
        if placed.colour:
            sprite = _recoloured(sprite, HUES[placed.colour])
        scale = placed.size * self._scale / max(sprite.size)
        size = (max(2, round(sprite.width * scale)), max(2, round(sprite.height * scale)))
        sprite = sprite.resize(size, Image.Resampling.LANCZOS)
        if placed.flipped:
            sprite = ImageOps.mirror(sprite)
        if placed.turn:
            sprite = sprite.rotate(placed.turn, Image.Resampling.BICUBIC, expand=True)
        return sprite


def _sprite(artwork: Path, thing: Thing) -> Image.Image:
    """The drawing of one thing without its empty margin, RGBA."""
    plain = thing.emoji.replace("\ufe0f", "")
    for characters in (thing.emoji, plain + "\ufe0f", plain):
        path = artwork / f"{'-'.join(f'{ord(character):x}' for character in characters)}.webp"
        if path.is_file():
            sprite = Image.open(path).convert("RGBA")
            return sprite.crop(sprite.getchannel("A").point(lambda alpha: 255 * (alpha > 16)).getbbox())
    raise FileNotFoundError(f"{artwork} has no drawing of {thing.name!r} ({thing.emoji})")


def _recoloured(sprite: Image.Image, hue: float) -> Image.Image:
    """The same drawing in one hue (degrees), with its light and shade."""
    alpha = sprite.getchannel("A")
    planes = np.asarray(sprite.convert("RGB").convert("HSV")).astype(np.float32)
    planes[..., 0] = hue / 360 * 255
    planes[..., 1] = (planes[..., 1] * 0.55 + 95).clip(0, 255)
    planes[..., 2] = (60 + planes[..., 2] * 0.75).clip(0, 255)
    turned = Image.fromarray(planes.astype(np.uint8), "HSV").convert("RGB")
    turned.putalpha(alpha)
    return turned


def _styled(picture: Image.Image, style: Style, scale: int) -> Image.Image:
    if style == "grey":
        return picture.convert("L").convert("RGB")
    if style == "pixels":
        return picture.reduce(4 * scale).resize(picture.size, Image.Resampling.NEAREST)
    if style == "blurred":
        return picture.filter(ImageFilter.GaussianBlur(2.5 * scale))
    if style == "sepia":
        grey = np.asarray(picture.convert("L")).astype(np.float32)[..., None] / 255
        tinted = grey * np.array([268, 225, 170], np.float32) + np.array([20, 12, 5], np.float32)
        return Image.fromarray(tinted.clip(0, 255).astype(np.uint8))
    return picture
