"""PNG with 16 bits per channel (PNG specification, third edition); of colours, Pillow keeps only eight."""

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.pictures.png_texts import chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

_UP = 2
_RGBA = 4


def decode(path: Path, picture: "ImageFile") -> "NDArray[np.uint16]":
    """uint16[height, width, 3 or 4] of an opened 16-bit PNG; greyscale becomes RGB, a `tRNS` colour alpha.

    Pillow's decoder undoes the filters and then unpacks one byte of each pair. Naming the pairs little-endian
    makes that the low byte, so that two passes give both.
    """
    import numpy as np

    layout = str(picture.tile[0][3])
    transparent = picture.info.get("transparency")
    if layout == "I;16B":
        grey: NDArray[np.uint16] = np.array(picture, dtype=np.uint16)
        return _with_transparent(np.stack([grey, grey, grey], axis=2), transparent)
    if layout == "LA;16B":
        # Two 16-bit channels are four bytes, which is what RGBA has.
        bytes_ = _unpacked(path, "RGBA")
        grey, alpha = _paired(bytes_[..., 0], bytes_[..., 1]), _paired(bytes_[..., 2], bytes_[..., 3])
        return np.stack([grey, grey, grey, alpha], axis=2)
    pixels = _paired(_unpacked(path, layout), _unpacked(path, layout.replace("16B", "16L")))
    return _with_transparent(pixels, transparent)


def _unpacked(path: Path, layout: str) -> "NDArray[np.uint8]":
    import numpy as np
    from PIL.PngImagePlugin import PngImageFile

    with path.open("rb") as file, PngImageFile(file) as picture:
        picture.tile = [tile._replace(args=layout) for tile in picture.tile]
        return np.array(picture, dtype=np.uint8)


def _paired(high: "NDArray[np.uint8]", low: "NDArray[np.uint8]") -> "NDArray[np.uint16]":
    import numpy as np

    return np.stack([high, low], axis=-1).view(">u2")[..., 0].astype(np.uint16)


def _with_transparent(pixels: "NDArray[np.uint16]", colour: object) -> "NDArray[np.uint16]":
    """The pixels with the one colour that a `tRNS` chunk names made transparent."""
    import numpy as np

    if colour is None or pixels.shape[2] == _RGBA:
        return pixels
    shown = (pixels != np.asarray(colour, dtype=np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate([pixels, np.where(shown, 65535, 0).astype(np.uint16)], axis=2)


def encode(pixels: "NDArray[np.uint16]", level: int) -> bytes:
    """A PNG of uint16[height, width, 3 or 4], every row filtered as its difference to the row above."""
    import numpy as np

    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), dtype=np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]
    colour_type = 6 if channels == _RGBA else 2
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    body = zlib.compress(filtered.tobytes(), level)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
