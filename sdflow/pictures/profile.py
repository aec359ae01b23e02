"""Colour profiles that pictures carry (ICC.1:2022), brought to sRGB."""

import io
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}


def is_srgb(profile: bytes | None) -> bool:
    """Whether a picture with this profile is in sRGB already: none, or one whose description says so."""
    if not profile:
        return True
    description = _description(profile)
    return b"sRGB" in description or "sRGB".encode("utf-16-be") in description


def to_srgb(picture: "PilImage", profile: bytes | None) -> "PilImage":
    """The picture in sRGB, 8 bits; as it is, when its profile is absent, broken or of other channels."""
    if profile is None or is_srgb(profile):
        return picture
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES.get(source.profile.xcolor_space.strip(), "")
        if mode in ("RGB", "L") and picture.mode not in ("CMYK", "LAB"):
            picture = picture.convert(mode)
        if picture.mode != mode:
            return picture
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    except (
        ImportError,
        OSError,
        ValueError,
        TypeError,
    ):  # a Pillow without LittleCMS; a broken profile (PyCMSError)
        return picture
    return picture if converted is None else converted


def _description(profile: bytes) -> bytes:
    """The bytes of the `desc` tag, empty when there is none."""
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for number in range(min(count, 200)):
            tag, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
            if tag == b"desc":
                return profile[offset : offset + min(size, 1024)]
    except struct.error:
        pass
    return b""
