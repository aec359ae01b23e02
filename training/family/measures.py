"""What can be measured of pictures, uint8 [pictures, height, width, 3]."""

import numpy as np
import numpy.typing as npt

from training.family.hints import edges

Pictures = npt.NDArray[np.uint8]
Edges = npt.NDArray[np.bool_]
_NEAR = 2  # pixels that an edge may be away and still be the same


def edge_score(pictures: Pictures, hints: Edges) -> float:
    """How well the pictures' edges are those of the hints: the mean F1, an edge being found within two pixels."""
    return float(np.mean([_f1(drawn, hint) for drawn, hint in zip(edges(pictures), hints, strict=True)]))


def _f1(drawn: npt.NDArray[np.bool_], hint: npt.NDArray[np.bool_]) -> float:
    if not drawn.any() or not hint.any():
        return float(drawn.any() == hint.any())
    right = (drawn & _widened(hint)).sum() / drawn.sum()
    found = (hint & _widened(drawn)).sum() / hint.sum()
    return float(2 * right * found / (right + found)) if right + found else 0.0


def _widened(lines: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    import cv2

    side = 2 * _NEAR + 1
    wide = cv2.dilate(lines.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(wide) > 0


def saturation(pictures: Pictures) -> float:
    """The mean difference of a pixel's strongest and weakest channel, of 255."""
    return float((pictures.max(-1).astype(float) - pictures.min(-1)).mean())


def sharpness(pictures: Pictures) -> float:
    """The mean variance of the Laplacian of the grey picture."""
    import cv2

    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
    return float(np.mean([cv2.Laplacian(it, cv2.CV_64F).var() for it in grey]))


def gradients(pictures: Pictures) -> float:
    """The mean squared difference of neighbours, right and below."""
    values = pictures.astype(np.float32)
    return float(np.square(np.diff(values, axis=1)).mean() + np.square(np.diff(values, axis=2)).mean())


def psnr(pictures: Pictures, wanted: Pictures) -> float:
    """The mean of the pictures' PSNR in dB."""
    errors = np.square(pictures.astype(np.float32) - wanted).mean((1, 2, 3))
    return float((10 * np.log10(255**2 / np.maximum(errors, 1e-3))).mean())


def away(pictures: Pictures, wanted: Pictures, where: npt.NDArray[np.bool_]) -> float:
    """The mean absolute difference where the mask bool[pictures, height, width] is set, of 255."""
    return float(np.abs(pictures.astype(np.float32) - wanted)[where].mean())
