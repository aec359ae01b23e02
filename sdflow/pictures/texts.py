"""Texts that picture files carry beside their pixels, in whichever way their format has for that.

| format | `parameters` | `sdflow` |
| --- | --- | --- |
| PNG | tEXt or iTXt, never compressed | tEXt, from 1 kB on zTXt |
| JPEG | EXIF UserComment | EXIF MakerNote, compressed; beyond 64 kB numbered comment segments |
| WebP | EXIF UserComment | EXIF MakerNote, compressed |

What Pillow keeps when a picture is opened and saved again: of a PNG nothing unless `pnginfo` is passed on, of
JPEG and WebP all of EXIF when `exif=picture.info["exif"]` is passed on.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from sdflow.pictures import jpeg_texts, png_texts
from sdflow.pictures.exif import texts_in_exif
from sdflow.pictures.packed import MAX_TEXT_BYTES
from sdflow.pictures.signature import SIGNATURE_BYTES, foreign_picture, other_file, picture_format
from sdflow.problems import problem

RECORD = "sdflow"
PARAMETERS = "parameters"


def texts_of(path: Path) -> dict[str, str]:
    """All texts in a picture by key, its pixels unread; empty for formats that carry none of ours.

    Raises:
        UserError: the file cannot be read (SDF341, SDF342, SDF346), or its `sdflow` text is damaged (SDF352).
    """
    try:
        with path.open("rb") as file:
            head = file.read(SIGNATURE_BYTES)
            format_ = picture_format(head)
            if format_ is None:
                found = foreign_picture(head) or other_file(head)
                raise problem("SDF342", f"{path} is not a picture made by sdflow but {found}")
            file.seek(0)
            return _texts_in(file, format_)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise problem("SDF341", f"{path} does not exist or is a folder") from error
    except OSError as error:
        raise problem("SDF346", f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        hint = "the picture was cut or changed by another program"
        raise problem("SDF352", f"the recipe in {path} is damaged: {error}", hint=hint) from error


def _texts_in(file: BinaryIO, format_: str) -> dict[str, str]:
    if format_ == "PNG":
        return png_texts.texts_in(file, needed=RECORD)
    if format_ == "JPEG":
        return jpeg_texts.texts_in(file)
    if format_ == "WEBP":
        return texts_in_exif(_webp_exif(file))
    return {}


def _webp_exif(file: BinaryIO) -> bytes:
    """The EXIF chunk of a WebP file (RFC 9649, 2.7.1.5), empty when it has none."""
    file.seek(12)
    while len(head := file.read(8)) == 8:  # noqa: PLR2004
        name, length = struct.unpack("<4sI", head)
        if name == b"EXIF" and length <= MAX_TEXT_BYTES:
            return file.read(length)
        file.seek(length + length % 2, 1)
    return b""
