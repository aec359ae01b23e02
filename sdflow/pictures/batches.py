"""Batches of pictures: stacked, and taken apart."""

from sdflow.values.image import Image


def stacked(images: tuple[Image, ...]) -> Image:
    """All items one after the other; sizes, channels and depths are equal."""
    import numpy as np

    return Image(np.concatenate([image.pixels for image in images]))


def taken(image: Image, items: tuple[int, ...]) -> Image:
    """Some items, in this order."""
    return Image(image.pixels[list(items)])
