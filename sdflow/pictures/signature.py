"""What a file is, by its first bytes; names and extensions are not believed."""

SIGNATURE_BYTES = 64

_LFS = b"version https://git-lfs"
_PLAIN = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_FOREIGN = (
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF"),
    (b"\x00\x00\x01\x00", "a Windows icon"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"gimp xcf", "a GIMP document"),
    (b"qoif", "a QOI picture"),
    (b"II+\x00", "a BigTIFF picture"),
    (b"MM\x00+", "a BigTIFF picture"),
)
_OTHER = (
    (_LFS, "a Git LFS pointer, not the picture itself (`git lfs pull` brings it)"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"{", "a JSON text"),
    (b"sdflow:", "a recipe"),
)


def picture_format(head: bytes) -> str | None:
    """The format that sdflow reads (`PNG`, `JPEG`, …) of a file with these first bytes, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "AVIF"
    return next((name for start, name in _PLAIN if head.startswith(start)), None)


def foreign_picture(head: bytes) -> str | None:
    """In words, what picture or document these first bytes begin, of those that sdflow does not read."""
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"heim", b"hevc"):
        return "an HEIC picture, as phones take them"
    if _text_of(head).startswith((b"<svg", b"<?xml")):
        return "an SVG drawing"
    return next((name for start, name in _FOREIGN if head.startswith(start)), None)


def other_file(head: bytes) -> str:
    """In words, what a file with these first bytes is, when it is no picture."""
    if not head:
        return "an empty file"
    text = _text_of(head)
    if text.startswith((b"<!doctype", b"<html", b"<head")):
        return "a web page, not the picture on it"
    return next((name for start, name in _OTHER if text.startswith(start.lower())), "something else")


def _text_of(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
