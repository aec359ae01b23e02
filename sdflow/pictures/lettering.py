"""Text on a contact sheet, measured without drawing it, so that a sheet's size is known while planning.

The font is the one that Pillow brings (Aileron Regular, 111 characters of it). Its widths are a table here,
which a test compares with the font.
"""

import unicodedata

_ASCII_WIDTHS = """
    216 242 339 580 580 740 654 176 315 315 560 580 220 274 220 303 580 580 580 580 580 580 580 580 580
    580 220 220 580 580 580 499 852 639 627 699 709 587 567 710 730 264 544 609 575 866 718 737 598 733
    619 585 612 682 622 952 625 581 591 307 303 295 580 500 300 531 611 529 615 549 290 615 593 238 233
    522 247 855 593 586 611 615 330 459 313 592 514 785 482 513 462 303 250 303 580
"""
_OTHERS = "©«°±´·»‘’“”…‹›⁄™"  # noqa: RUF001
_OTHER_WIDTHS = "838 557 298 580 300 202 557 247 247 417 417 620 387 387 235 539"
WIDTHS: dict[str, int] = {
    **{chr(32 + place): int(width) for place, width in enumerate(_ASCII_WIDTHS.split())},
    **{character: int(width) for character, width in zip(_OTHERS, _OTHER_WIDTHS.split(), strict=True)},
}
"""Thousandths of the text size that each character of the font is wide."""

LINE_HEIGHT = 1.25
"""Distance of lines, in text sizes."""

_SPELLED = {
    chr(code): spelled
    for code, spelled in (
        *((dash, "-") for dash in (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212)),
        *((0xD7, "x"), (0xF7, "/"), (0x2022, "·"), (0x201A, "'"), (0x201E, '"')),
        *((0x2190, "<-"), (0x2192, "->"), (0x21D2, "=>"), (0x2264, "<="), (0x2265, ">=")),
        *((0x2248, "~"), (0x2260, "!="), (0x20AC, "EUR"), (0xA3, "GBP"), (0xA5, "JPY")),
        *((0xDF, "ss"), (0xE6, "ae"), (0xC6, "AE"), (0x153, "oe"), (0x152, "OE"), (0xF8, "o"), (0xD8, "O")),
        *((0x142, "l"), (0x141, "L"), (0x111, "d"), (0x110, "D"), (0xF0, "d"), (0xFE, "th"), (0x131, "i")),
        *((0x3C3, "sigma"), (0x3BC, "u"), (0x3C0, "pi"), (0x3B7, "eta")),
    )
}
"""Characters that the font lacks and Unicode does not decompose, by code: dashes, signs, letters."""


def drawable(text: str) -> str:
    """The text in characters that the font has: `naïve — 2×` becomes `naive - 2x`, what has no likeness `?`.

    Runs of characters without a likeness (other scripts, emojis) become a single `?`.
    """
    drawn: list[str] = []
    for character in text:
        spelled = _spelled(character)
        if spelled != "?" or character == "?" or not drawn or drawn[-1] != "?":
            drawn.append(spelled)
    return " ".join("".join(drawn).split())


def _spelled(character: str) -> str:
    if character in WIDTHS:
        return character
    if character.isspace():
        return " "
    if character in _SPELLED:
        return _SPELLED[character]
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return ""
    parts = [part for part in unicodedata.normalize("NFKD", character) if unicodedata.category(part) != "Mn"]
    known = [part if part in WIDTHS else _SPELLED.get(part, "?") for part in parts]
    return "".join(known) if "?" not in known else "?"


def width_of(text: str, size: int) -> float:
    """Pixels that a drawable line is wide at a text size; kerning may make it a little narrower."""
    return sum(WIDTHS[character] for character in text) * size / 1000


def wrapped(text: str, size: int, width: float, most: int) -> tuple[str, ...]:
    """The lines of a text within `width` pixels, at most `most` of them; what is left over becomes `…`.

    Breaks at spaces, and inside a word only where the word alone is wider than a line.
    """
    lines: list[str] = []
    line = ""
    for word in _words(drawable(text), size, width):
        longer = f"{line} {word}" if line else word
        if width_of(longer, size) <= width:
            line = longer
            continue
        lines.append(line)
        line = word
    lines = [known for known in (*lines, line) if known]
    if len(lines) > most:
        return *lines[: most - 1], _shortened(f"{lines[most - 1]} {lines[most]}", size, width)
    return tuple(lines)


def _words(text: str, size: int, width: float) -> list[str]:
    """The words, those wider than a line cut into pieces that fit."""
    pieces: list[str] = []
    for word in text.split():
        piece = ""
        for character in word:
            if piece and width_of(piece + character, size) > width:
                pieces.append(piece)
                piece = ""
            piece += character
        pieces.append(piece)
    return pieces


def _shortened(line: str, size: int, width: float) -> str:
    while line and width_of(line + "…", size) > width:
        line = line[:-1]
    return line.rstrip(" ,;:-") + "…"
