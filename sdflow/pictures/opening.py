"""Opening an input picture: what it is, whether it can be read, and the errors when it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.pictures.input_path import require_file
from sdflow.pictures.signature import SIGNATURE_BYTES, foreign_picture, other_file, picture_format
from sdflow.problems import UserError, problem

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 200_000_000
"""Pixels of the largest picture that is read: 200 megapixels, 600 MB as 8-bit RGB."""

# One decoder per format, called directly: PIL.Image.open tries forty, and warns at a limit of its own.
_DECODERS = {
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
}


@contextmanager
def opened(path: Path) -> Iterator["ImageFile"]:
    """The picture in a file, its header read and its pixels not; closed at the end.

    Whatever a decoder raises inside the `with` becomes a message about this file.

    Raises:
        UserError: SDF341 to SDF346.
    """
    require_file(path)
    try:
        with path.open("rb") as file:
            format_ = _format(path, file.read(SIGNATURE_BYTES))
            file.seek(0)
            with _decoder(format_)(file, str(path)) as picture:
                _refuse_size(path, *picture.size)
                yield picture
    except (UserError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise problem("SDF341", f"{path} does not exist") from error
    except PermissionError as error:
        raise problem("SDF346", f"{path} may not be read: {error.strerror}") from error
    except Exception as error:  # a decoder given garbage raises whatever its arithmetic does
        if isinstance(error, OSError) and error.errno is not None:
            raise problem("SDF346", f"{path} cannot be read: {error.strerror}") from error
        raise problem(
            "SDF344", f"{path} is damaged: {_reason(error)}", hint="copy or export the picture again"
        ) from error


def _format(path: Path, head: bytes) -> str:
    format_ = picture_format(head)
    if format_ is not None:
        return format_
    foreign = foreign_picture(head)
    if foreign is not None:
        raise problem("SDF343", f"{path} is {foreign}; sdflow does not read these", hint="save it as PNG")
    raise problem("SDF342", f"{path} is not a picture but {other_file(head)}")


def _decoder(format_: str) -> "type[ImageFile]":
    module, name = _DECODERS[format_]
    try:
        decoder: type[ImageFile] = getattr(import_module(module), name)
    except ImportError as error:
        raise problem("SDF343", f"this Pillow reads no {format_}", hint="save the picture as PNG") from error
    return decoder


def _refuse_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise problem(
            "SDF345",
            f"{path} has {width}×{height} pixels; sdflow reads up to {MAX_PIXELS // 10**6} megapixels",
            hint="shrink the picture first",
        )


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else type(error).__name__
