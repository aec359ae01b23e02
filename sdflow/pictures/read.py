"""Input pictures: what is known of one from its header, and its pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sdflow.pictures.opening import opened
from sdflow.problems import problem
from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage
    from PIL.ImageFile import ImageFile

_Depth = TypeVar("_Depth", "np.uint8", "np.uint16")
_ORIENTATION = 0x0112
_DEEP = 16


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What `read` will give for a file: its size upright, 3 or 4 channels, 8 or 16 bits.

    `format` is the file's (`PNG`, `JPEG`, …), `frames` how many it holds, of which the first is read.
    """

    width: int
    height: int
    channels: int
    depth: int
    format: str
    frames: int


def facts_of(path: Path) -> ImageFacts:
    """The facts of a picture, from its header alone.

    Raises:
        UserError: the file is missing, no picture, damaged, too large or of an unsupported kind.
    """
    with opened(path) as picture:
        width, height = picture.size
        if _orientation(picture) in (5, 6, 7, 8):
            width, height = height, width
        channels = 4 if picture.has_transparency_data else 3
        frames = int(getattr(picture, "n_frames", 1))
        return ImageFacts(width, height, channels, _depth(path, picture), str(picture.format), frames)


def read(path: Path) -> Image:
    """The first frame of a picture, upright, in sRGB: uint8[1, height, width, 3 or 4], uint16 of 16-bit PNG.

    Greyscale, palettes and CMYK become RGB; transparency of any sort becomes a fourth channel. The colours of
    an embedded profile are converted, at 8 bits.

    Raises:
        UserError: as `facts_of`.
    """
    import numpy as np

    with opened(path) as picture:
        orientation = _orientation(picture)
        if _depth(path, picture) == _DEEP:
            from sdflow.pictures.sixteen_bits import decode

            return Image(_upright(decode(path, picture), orientation)[None])
        return Image(_upright(np.array(_in_srgb(picture), dtype=np.uint8), orientation)[None])


def _in_srgb(picture: "ImageFile") -> "PilImage":
    """The decoded picture as 8-bit RGB or RGBA."""
    from sdflow.pictures.profile import to_srgb

    # Asked before the pixels are decoded, as `facts_of` does: chunks behind them would change the answers.
    profile, transparent = picture.info.get("icc_profile"), picture.has_transparency_data
    picture.load()
    flat: PilImage = _eight_bits(picture) if picture.mode.startswith("I;16") else picture
    if not transparent:
        return to_srgb(flat, profile).convert("RGB")
    flat = flat.convert("RGBA")
    coloured = to_srgb(flat.convert("RGB"), profile).convert("RGBA")
    coloured.putalpha(flat.getchannel("A"))
    return coloured


def _eight_bits(picture: "PilImage") -> "PilImage":
    import numpy as np
    import PIL.Image

    from sdflow.pictures.pil import eight_bits

    return PIL.Image.fromarray(eight_bits(np.array(picture, dtype=np.uint16)))


def _depth(path: Path, picture: "ImageFile") -> int:
    """8 or 16, as `read` gives them."""
    from sdflow.pictures.profile import is_srgb

    profile = picture.info.get("icc_profile")
    if picture.mode in ("F", "I") or (picture.mode == "LAB" and not profile):
        message = f"{path} holds {picture.mode} pixels, which are not the colours of a picture"
        raise problem("SDF343", message, hint="save it as PNG")
    deep = picture.format == "PNG" and str(picture.tile[0][3]).endswith(";16B")
    return _DEEP if deep and is_srgb(profile) else 8


def _orientation(picture: "ImageFile") -> int:
    """The EXIF orientation, 1 to 8. TIFF's is applied by its decoder; one behind a PNG's pixels is missed."""
    import PIL.Image

    if picture.format == "TIFF":
        return 1
    try:
        # The base class's method, because that of PNG decodes the whole picture first.
        value = PIL.Image.Image.getexif(picture).get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  # damaged EXIF says nothing about orientation
        return 1
    return int(value) if value in range(1, 9) else 1


def _upright(pixels: "NDArray[_Depth]", orientation: int) -> "NDArray[_Depth]":
    """Undo an EXIF orientation (Exif 2.32, tag 274): [height, width, channels] as it is meant to be seen."""
    import numpy as np

    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
