"""Edges as ControlNets for Canny's edges are shown them (Canny 1986, as OpenCV has it)."""

from importlib.util import find_spec

from sdflow.values import Image


def missing_requirement() -> str:
    """The package that is not installed; empty when all is there."""
    return "" if find_spec("cv2") else "opencv-python-headless"


def canny(image: Image, low: int, high: int) -> Image:
    """White edges of one pixel on black, uint8[batch, height, width, 3], of pictures of the same form.

    A gradient above `high` is an edge, one above `low` goes on with an edge that it touches; both are sums of
    Sobel's derivatives in x and y at 8 bits, of the channel where they are largest.
    """
    import cv2
    import numpy as np

    edges = [cv2.Canny(np.ascontiguousarray(item), low, high) for item in image.pixels]
    return Image(np.repeat(np.stack(edges)[..., None], 3, axis=-1).astype(np.uint8))
