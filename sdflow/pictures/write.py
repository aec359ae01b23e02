"""Output pictures: encoded in full, then written whole."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from sdflow.pictures.atomic import write_atomically
from sdflow.pictures.texts import PARAMETERS, RECORD
from sdflow.problems import nearest, problem
from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PilImage

Format: TypeAlias = Literal["PNG", "JPEG", "WEBP"]
FORMATS: Mapping[str, Format] = MappingProxyType(
    {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
)

_LARGEST = {"JPEG": 65_500, "WEBP": 16_383}
_QUALITY = {"JPEG": 95, "WEBP": 90}
_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a picture is encoded.

    quality: 1 to 100, JPEG (95 when left out, colours at full resolution) and WebP (90).
    lossless: WebP only. compression: PNG only, 0 (fast) to 9 (small).
    """

    quality: int | None = None
    lossless: bool = False
    compression: int = 6


PLAIN = Encoding()


def format_of(path: Path) -> Format:
    """The format that a file name asks for.

    Raises:
        UserError: SDF703.
    """
    suffix = path.suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    near = nearest(suffix, FORMATS)
    hint = f"did you mean {near}?" if near else "name it .png, .jpg or .webp"
    raise problem("SDF703", f"{path.name} does not end like a picture", hint=hint)


def check_encoding(path: Path, width: int, height: int, encoding: Encoding = PLAIN) -> Format:
    """The format of an output picture, after refusing what it cannot hold; for planning, too.

    Raises:
        UserError: SDF703, SDF704 or SDF705.
    """
    format_ = format_of(path)
    most = _LARGEST.get(format_)
    if most is not None and max(width, height) > most:
        message = (
            f"{path.name}: {width}×{height} is too large for {format_}, which holds {most} pixels a side"
        )
        raise problem("SDF704", message, hint="write a .png")
    if encoding.quality is not None and (format_ == "PNG" or not 1 <= encoding.quality <= 100):  # noqa: PLR2004
        message = f"{path.name}: quality {encoding.quality}"
        raise problem("SDF705", message, hint="quality is 1 to 100, for JPEG and WebP")
    if encoding.lossless and format_ == "JPEG":
        raise problem("SDF705", f"{path.name}: JPEG is never lossless", hint="write a .png or a .webp")
    if not 0 <= encoding.compression <= 9:  # noqa: PLR2004
        message = f"{path.name}: compression {encoding.compression}"
        raise problem("SDF705", message, hint="compression is 0 to 9")
    return format_


def write(
    image: Image,
    path: Path,
    *,
    index: int = 0,
    texts: Mapping[str, str] = _NO_TEXTS,
    encoding: Encoding = PLAIN,
) -> None:
    """Write item `index` of a batch, with `texts` (`sdflow` and `parameters`) inside; makes folders.

    PNG keeps 16 bits. JPEG and WebP get 8, and JPEG white behind what is transparent. Equal pictures and
    texts give equal bytes.

    Raises:
        UserError: SDF701 to SDF706.
    """
    _, height, width, _ = image.pixels.shape
    format_ = check_encoding(path, width, height, encoding)
    write_atomically(path, encode(image, format_, index=index, texts=texts, encoding=encoding))


def encode(
    image: Image,
    format_: Format,
    *,
    index: int = 0,
    texts: Mapping[str, str] = _NO_TEXTS,
    encoding: Encoding = PLAIN,
) -> bytes:
    """The bytes of a picture file, as `write` writes them."""
    pixels = image.pixels[index]
    if format_ == "PNG":
        return _png(pixels, texts, encoding)
    if format_ == "JPEG":
        return _jpeg(pixels, texts, encoding)
    return _webp(pixels, texts, encoding)


def _png(
    pixels: "NDArray[np.uint8] | NDArray[np.uint16]", texts: Mapping[str, str], encoding: Encoding
) -> bytes:
    import numpy as np

    from sdflow.pictures import sixteen_bits
    from sdflow.pictures.png_texts import with_texts

    if pixels.dtype == np.uint16:
        png = sixteen_bits.encode(pixels.astype(np.uint16, copy=False), encoding.compression)
    else:
        png = _saved(_pil(pixels), "PNG", compress_level=encoding.compression)
    return with_texts(png, texts, plain=frozenset({PARAMETERS}))


def _jpeg(
    pixels: "NDArray[np.uint8] | NDArray[np.uint16]", texts: Mapping[str, str], encoding: Encoding
) -> bytes:
    from sdflow.pictures.jpeg_texts import exif_and_comments, with_comments

    picture = _pil(pixels)
    if picture.mode == "RGBA":
        picture = _on_white(picture)
    quality = encoding.quality or _QUALITY["JPEG"]
    if not texts:
        return _saved(picture, "JPEG", quality=quality, subsampling=0)
    exif, comments = exif_and_comments(texts.get(PARAMETERS), texts.get(RECORD))
    return with_comments(_saved(picture, "JPEG", quality=quality, subsampling=0, exif=exif), comments)


def _webp(
    pixels: "NDArray[np.uint8] | NDArray[np.uint16]", texts: Mapping[str, str], encoding: Encoding
) -> bytes:
    from sdflow.pictures.exif import exif_with

    quality = encoding.quality or _QUALITY["WEBP"]
    exif = exif_with(texts.get(PARAMETERS), texts.get(RECORD)) if texts else b""
    return _saved(_pil(pixels), "WEBP", quality=quality, lossless=encoding.lossless, exact=True, exif=exif)


def _pil(pixels: "NDArray[np.uint8] | NDArray[np.uint16]") -> "PilImage":
    import PIL.Image

    from sdflow.pictures.pil import eight_bits

    return PIL.Image.fromarray(eight_bits(pixels))


def _on_white(picture: "PilImage") -> "PilImage":
    import PIL.Image

    white = PIL.Image.new("RGBA", picture.size, "white")
    return PIL.Image.alpha_composite(white, picture).convert("RGB")


def _saved(picture: "PilImage", format_: Format, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()
