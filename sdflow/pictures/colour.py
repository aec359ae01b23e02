"""Colours as a recipe writes them."""

import re
from typing import TypeAlias

from sdflow.problems import nearest, problem

Rgba: TypeAlias = tuple[int, int, int, int]

NAMES: dict[str, Rgba] = {
    "transparent": (0, 0, 0, 0),
    "black": (0, 0, 0, 255),
    "white": (255, 255, 255, 255),
    "grey": (128, 128, 128, 255),
    "gray": (128, 128, 128, 255),
    "red": (255, 0, 0, 255),
    "green": (0, 128, 0, 255),
    "blue": (0, 0, 255, 255),
    "yellow": (255, 255, 0, 255),
    "magenta": (255, 0, 255, 255),
    "cyan": (0, 255, 255, 255),
}

_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})", re.IGNORECASE)


def parse_colour(text: str) -> Rgba:
    """Red, green, blue and alpha, 0 to 255, of `#rgb`, `#rrggbb`, `#rrggbbaa` or a name.

    Raises:
        UserError: SDF349, neither of these.
    """
    written = text.strip().lower()
    if written in NAMES:
        return NAMES[written]
    if _HEX.fullmatch(written):
        digits = written[1:] if len(written) > 4 else "".join(digit * 2 for digit in written[1:])  # noqa: PLR2004
        red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
        return red, green, blue, alpha
    near = nearest(written, NAMES)
    hint = f"did you mean {near}?" if near else "write it as #rrggbb, or one of " + ", ".join(NAMES)
    raise problem("SDF349", f"{text!r} is no colour", hint=hint)


def contrasting(background: Rgba) -> Rgba:
    """Near-black or near-white, whichever reads better on `background` (relative luminance of WCAG 2.2).

    A transparent background counts as white, which is where such pictures mostly end up.
    """
    red, green, blue, alpha = background
    over_white = [(part * alpha + 255 * (255 - alpha)) / 255 / 255 for part in (red, green, blue)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in over_white]  # noqa: PLR2004
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (24, 24, 27, 255) if luminance > 0.179 else (244, 244, 245, 255)  # noqa: PLR2004
