"""sRGB (IEC 61966-2-1) and CIE Lab of illuminant D65 (CIE 15:2004), in floating point."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_EPSILON = 216 / 24389
_KAPPA = 24389 / 27


def lab_of(rgb: "Numbers") -> "Numbers":
    """float[…, 3] in 0 … 1 to L (0 … 100), a and b."""
    import numpy as np

    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004  # of the standard
    matrix = np.array(_TO_XYZ)
    relative = linear @ (matrix / matrix.sum(axis=1, keepdims=True)).T
    f = np.where(relative > _EPSILON, np.cbrt(relative), (_KAPPA * relative + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def rgb_of(lab: "Numbers") -> "Numbers":
    """The reverse; colours that sRGB does not have are cut off."""
    import numpy as np

    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    relative = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA)
    matrix = np.array(_TO_XYZ)
    linear = relative @ np.linalg.inv(matrix / matrix.sum(axis=1, keepdims=True)).T
    linear = linear.clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)  # noqa: PLR2004
