"""Pictures spoiled in the ways that nobody wants: blurred, noisy, smeared, blocky, washed out."""

import io
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Pixels = npt.NDArray[np.uint8]


def spoil(picture: Pixels, random: Random) -> Pixels:
    """uint8 [height, width, 3], one or two things done to it."""
    for way in random.sample((_blurred, _noisy, _smeared, _blocky, _washed_out), random.choice((1, 1, 2))):
        picture = way(picture, random)
    return picture


def _blurred(picture: Pixels, random: Random) -> Pixels:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(random.uniform(1.6, 3.6))))


def _noisy(picture: Pixels, random: Random) -> Pixels:
    grain = np.random.default_rng(random.getrandbits(32)).normal(0, random.uniform(14, 34), picture.shape)
    return (picture + grain).round().clip(0, 255).astype(np.uint8)


def _smeared(picture: Pixels, random: Random) -> Pixels:
    """As if the camera had moved."""
    length, axis = random.randint(7, 17), random.randrange(2)
    moved = [np.roll(picture, step - length // 2, axis).astype(np.float32) for step in range(length)]
    smeared: Pixels = np.mean(moved, axis=0).round().astype(np.uint8)
    return smeared


def _blocky(picture: Pixels, random: Random) -> Pixels:
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "JPEG", quality=random.randint(3, 9))
    return np.asarray(Image.open(packed).convert("RGB"))


def _washed_out(picture: Pixels, random: Random) -> Pixels:
    kept, grey = random.uniform(0.25, 0.5), random.uniform(95, 160)
    return (grey + (picture - grey) * kept).round().clip(0, 255).astype(np.uint8)
