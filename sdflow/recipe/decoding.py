"""From the bytes of a file to its text, with a message of its own for everything that is no plain UTF-8 text."""

import re
import unicodedata

from sdflow.problems import UserError, problem
from sdflow.recipe.source import Source

MAX_BYTES = 4 * 1024 * 1024
"""Longest file that is read. A recipe of 10,000 nodes has 1 to 2 MB."""

_UTF_16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
# U+0085, U+2028 and U+2029 end a line in YAML 1.1 but not in 1.2, and no editor shows which.
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_DIRECTIVE = re.compile(r"(?>[ ]*+(?:#[^\r\n]*+)?(?:\r\n|\r|\n))*+(%[^\r\n]*)")
_ALLOWED_DIRECTIVE = re.compile(r"%YAML[ ]+1\.2[ ]*(?:#.*)?")


def decode(data: bytes, file: str) -> Source:
    """The text of `data`.

    Raises:
        UserError: the data are too long, empty, binary, in another encoding, begin with a byte order mark, or
            hold characters that cannot be seen.
    """
    if len(data) > MAX_BYTES:
        raise problem("SDF103", f"{file} is longer than {MAX_BYTES // 2**20} MiB")
    if not data:
        raise problem("SDF102", f"{file} is empty", position=Source(file, "").position(0, 0))
    if data.startswith(_UTF_16_OR_32):
        raise problem("SDF101", f"{file} is encoded as UTF-16 or UTF-32", hint="save it as UTF-8")
    try:
        source = Source(file, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _not_utf_8(data, file, error.start) from None
    _refuse_invisible(source)
    _refuse_directives(source)
    return source


def _not_utf_8(data: bytes, file: str, start: int) -> UserError:
    if b"\x00" in data:
        return problem("SDF101", f"{file} is a binary file, not a text", hint="give a YAML recipe")
    before = data[:start].decode("utf-8")
    position = Source(file, before + "?").position(len(before), len(before) + 1)
    message = f"byte 0x{data[start]:02x} is not UTF-8"
    return problem("SDF101", message, hint="save the file as UTF-8", position=position)


def _refuse_invisible(source: Source) -> None:
    found = _INVISIBLE.search(source.text)
    if found is None:
        return
    character, start = found.group(), found.start()
    if character == "\x00":
        raise problem("SDF101", f"{source.file} is a binary file, not a text", hint="give a YAML recipe")
    position = source.position(start, start + 1)
    if character == "\ufeff" and start == 0:
        hint = "save it as UTF-8 without BOM"
        raise problem("SDF104", "the file begins with a byte order mark", hint=hint, position=position)
    name = unicodedata.name(character, "control character")
    hint = f'remove it, or write it as "\\u{ord(character):04x}" in double quotes'
    raise problem(
        "SDF107", f"invisible character U+{ord(character):04X} ({name})", hint=hint, position=position
    )


def _refuse_directives(source: Source) -> None:
    found = _DIRECTIVE.match(source.text)
    if found is None or _ALLOWED_DIRECTIVE.fullmatch(found[1]):
        return
    position = source.position(*found.span(1))
    raise problem(
        "SDF115", f"the directive `{found[1].strip()[:40]}`", hint="remove the line", position=position
    )
