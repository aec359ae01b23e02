"""Edges of pictures, by Canny's detector (Canny 1986) as OpenCV has it."""

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]
LOW, HIGH = 100, 200
"""The thresholds that everybody uses with Stable Diffusion's ControlNets."""


def edges(pictures: Pictures, low: int = LOW, high: int = HIGH) -> npt.NDArray[np.bool_]:
    """bool[pictures, height, width] of uint8 [pictures, height, width, 3]."""
    import cv2

    found = [cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), low, high) for picture in pictures]
    return np.stack(found) > 0
