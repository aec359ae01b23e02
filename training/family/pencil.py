"""Scenes as pencil drawings: grey lines and hatching on paper."""

from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]
_PAPER = np.array([246, 240, 226], np.float32)
_LEAD = np.array([52, 50, 56], np.float32)


def draw_in_pencil(picture: Pixels, random: Random) -> Pixels:
    """uint8 [height, width, 3] as a drawing of the same size.

    Lines come from dodging: the picture divided by itself, blurred. Shade is hatched, the darker the denser.
    """
    grey = np.asarray(Image.fromarray(picture).convert("L")).astype(np.float32)
    lines = np.clip(_dodged(grey, 2.2), 0, 1) ** 2.4
    shade = _hatching(grey.shape, random)
    dark = np.clip((150 - _blurred(grey, 1.2)) / 150, 0, 1)
    hatched = 1 - 0.6 * np.clip(dark * 1.5 - shade, 0, 0.55) / 0.55
    soft = 0.82 + 0.18 * grey / 255
    light = np.clip(lines * hatched * soft, 0, 1)[..., None]
    grain = np.random.default_rng(random.getrandbits(32)).normal(0, 2.0, (*grey.shape, 1))
    drawn = _LEAD + (_PAPER - _LEAD) * light + grain
    return drawn.round().clip(0, 255).astype(np.uint8)


def _blurred(grey: npt.NDArray[np.float32], radius: float) -> npt.NDArray[np.float32]:
    soft = Image.fromarray(grey.round().clip(0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(radius)
    )
    return np.asarray(soft).astype(np.float32)


def _dodged(grey: npt.NDArray[np.float32], radius: float) -> npt.NDArray[np.float32]:
    return (grey + 6) / (_blurred(grey, radius) + 6)


def _hatching(shape: tuple[int, ...], random: Random) -> npt.NDArray[np.float32]:
    """Slanted strokes four pixels apart, in [0, 1]."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    along = (rows * 0.8 + columns) / random.uniform(4.4, 5.2) + random.random()
    strokes: npt.NDArray[np.float32] = np.abs((along % 1.0) * 2 - 1).astype(np.float32)
    return strokes
