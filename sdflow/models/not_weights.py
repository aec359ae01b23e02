"""Files that are no weights at all, known by their first bytes."""

import codecs


def what_it_is(start: bytes) -> str | None:
    """What a file with these first bytes is instead of weights, to follow its name; None when it may be weights."""
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS placeholder: the weights themselves were not fetched (`git lfs pull`)"
    if start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page: the download gave an error page instead of weights"
    if start.startswith(b"GGUF"):
        return "is a GGUF file, whose weights are quantized"
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8")):
        return "is a picture"
    if not start:
        return "is empty"
    if _is_text(start):
        return "is a JSON file" if start.lstrip()[:1] in {b"{", b"["} else "is a text file"
    return None


def _is_text(start: bytes) -> bool:
    """Whether these are letters; the last one may be cut off. Weights begin with bytes that nobody writes."""
    letters = codecs.getincrementaldecoder("utf-8")()
    try:
        text = letters.decode(start)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in text.removeprefix("\ufeff"))
