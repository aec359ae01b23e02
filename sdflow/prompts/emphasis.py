"""A1111's emphasis: `(more)`, `[less]`, `(by:1.3)`, and `BREAK`.

As its wiki says (Features, Attention/emphasis and Infinite prompt length): a round bracket multiplies what is in it
by 1.1, a square one divides by 1.1, `(text:number)` multiplies by the number, brackets in brackets multiply each other,
a backslash makes a bracket plain text, and `BREAK` fills up the chunk. Nothing is an error: a bracket that is never
closed lasts to the end, one that was never opened is text.
"""

import re

from sdflow.prompts.fragments import Fragment, Part, joined

_STEP = 1.1
_FACTORS = {"(": _STEP, "[": 1 / _STEP}
_OPENED_BY = {")": "(", "]": "["}
_PIECES = re.compile(
    r"""
      \\ (?P<escaped> [()\[\]\\] )
    | (?P<opening> [(\[] )
    | : \s* (?P<weight> [+-]? (?: \d+ \.? \d* | \.\d+ ) ) \s* \)
    | (?P<closing> [)\]] )
    | (?P<text> [^\\()\[\]:]+ | [\\:] )
    """,
    re.VERBOSE,
)
_BREAK = re.compile(r"\s*\bBREAK\b\s*")


def read_emphasis(text: str) -> tuple[Part, ...]:
    """Weighted fragments of a prompt, in parts that `BREAK` divides. Never raises."""
    found: list[Fragment | None] = []  # None is a BREAK
    opened: dict[str, list[int]] = {"(": [], "[": []}  # where brackets stand that are still open

    def close(bracket: str, factor: float) -> None:
        start = opened[bracket].pop()
        found[start:] = [it and Fragment(it.text, it.weight * factor) for it in found[start:]]

    for piece in _PIECES.finditer(text):
        kind, said = piece.lastgroup, piece.group()
        if kind == "opening":
            opened[said].append(len(found))
        elif kind == "weight" and opened["("]:
            close("(", float(piece["weight"]))
        elif kind == "closing" and opened[_OPENED_BY[said]]:
            bracket = _OPENED_BY[said]
            close(bracket, _FACTORS[bracket])
        elif kind == "text":
            found += _with_breaks(said)
        else:
            found.append(Fragment(piece["escaped"] or said))
    for bracket, starts in opened.items():
        while starts:
            close(bracket, _FACTORS[bracket])
    return _parts(found)


def _with_breaks(text: str) -> list[Fragment | None]:
    first, *more = _BREAK.split(text)
    found: list[Fragment | None] = [Fragment(first)]
    for said in more:
        found += [None, Fragment(said)]
    return found


def _parts(found: list[Fragment | None]) -> tuple[Part, ...]:
    parts: list[list[Fragment]] = [[]]
    for fragment in found:
        if fragment is None:
            parts.append([])
        else:
            parts[-1].append(fragment)
    return tuple(joined(part) for part in parts)
