"""Names of files that every system can store, made of any text.

The rules are those of Windows, the strictest
(https://learn.microsoft.com/windows/win32/fileio/naming-a-file), on top of UTF-8 and NFC.
"""

import hashlib
import re
import unicodedata

LONGEST_VALUE = 80
"""Most bytes of UTF-8 that one value takes up in a name; longer ones end in `~` and eight digits of their digest."""
LONGEST_NAME = 200
"""Most bytes of UTF-8 in one file or folder name. Systems allow 255; an index and a temporary suffix must fit."""

_RESERVED = re.compile(r"(?:CON|PRN|AUX|NUL|CLOCK\$|COM[0-9¹²³]|LPT[0-9¹²³])(?=[ ]*(?:\.|\Z))", re.IGNORECASE)
_FORBIDDEN = frozenset('<>:"/\\|?*')


def safe_value(text: str) -> str:
    """The text as a part of a file name: never empty, without separators, invisible characters and dots around it."""
    text = unicodedata.normalize("NFC", text)
    kept = "".join("_" if _is_forbidden(character) else character for character in text)
    kept = kept.strip(" .") or "_"
    if len(kept.encode()) <= LONGEST_VALUE:
        return kept
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    head = kept.encode()[: LONGEST_VALUE - 9].decode(errors="ignore")
    return f"{head.rstrip(' .')}~{digest}"


def safe_component(name: str) -> str:
    """The name of a file or folder, changed where Windows keeps it for a device: `con.png` becomes `con_.png`."""
    found = _RESERVED.match(name)
    return name if found is None else f"{name[: found.end()]}_{name[found.end() :]}"


def why_not_portable(name: str) -> str | None:
    """Why some system cannot store a file or folder of this name, or None."""
    if any(_is_forbidden(character) for character in name):
        wrong = next(character for character in name if _is_forbidden(character))
        shown = f"`{wrong}`" if wrong.isprintable() else f"U+{ord(wrong):04X}"
        return f"{shown} cannot stand in the name of a file"
    if _RESERVED.match(name):
        return f"`{name[:40]}` is the name of a device on Windows"
    if name != name.strip(" ") or name.endswith("."):
        return f"`{name[:40]}` begins or ends with a space, or ends with a dot, which Windows drops"
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        return f"a file name of more than {LONGEST_NAME} bytes"
    return None


def _is_forbidden(character: str) -> bool:
    if character.isascii():
        return character in _FORBIDDEN or not character.isprintable()
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
