r"""ComfyUI's weights: `(text:1.2)`, `(text)`.

As its documentation says: `(text:number)` counts with that number, `(text)` with 1.1 times what stands around it, and
`\(` and `\)` are brackets of the text. A number is not multiplied with what stands around it; `((text))` is 1.21.
A bracket without a partner is text, and after a closing one too many an opening one only makes up for it. Square
brackets are text. `embedding:NAME` is a word like any other here; see `sdflow.prompts.vocabulary`.
"""

import re
from collections.abc import Iterator

from sdflow.prompts.fragments import Fragment, Part, PromptError, joined

_STEP = 1.1
_DEEPEST = 100
_WEIGHT = re.compile(r"(?P<text>.+):\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*", re.DOTALL)
_PIECES = re.compile(r"\\[()]|[()]|[^\\()]+|\\")
_ESCAPED = re.compile(r"\\([()])")


def read_comfy(text: str) -> Part:
    """Weighted fragments of a prompt.

    Raises:
        PromptError: there are a hundred brackets in each other.
    """
    return joined(_read(text, (0, len(text)), 1.0, 0))


def _read(text: str, stretch: tuple[int, int], weight: float, depth: int) -> Iterator[Fragment]:
    """The fragments of a stretch that has `depth` brackets around it."""
    for start, end, bracketed in _items(text, stretch):
        if not bracketed:
            yield Fragment(_ESCAPED.sub(r"\1", text[start:end]), weight)
            continue
        if depth == _DEEPEST:
            raise PromptError("there are brackets in more than a hundred brackets", start)
        given = _WEIGHT.fullmatch(text, start + 1, end - 1)
        inner = (start + 1, given.end("text") if given else end - 1)
        yield from _read(text, inner, float(given["weight"]) if given else weight * _STEP, depth + 1)


def _items(text: str, stretch: tuple[int, int]) -> Iterator[tuple[int, int, bool]]:
    """Start and end of what stands beside each other in a stretch, and whether it begins and ends with a bracket.

    An item ends where as many brackets are closed as were opened, or where one is opened outside of others. The last
    may begin with a bracket that is never closed and end with that of another: ComfyUI takes these two for a pair.
    """
    start, end = stretch
    opened, first, last = 0, "", ""
    for piece in _PIECES.finditer(text, *stretch):
        sign = piece.group()
        if sign == "(" and not opened and piece.start() > start:
            yield start, piece.start(), False
            start, first = piece.start(), ""
        first, last = first or sign, sign
        opened += {"(": 1, ")": -1}.get(sign, 0)
        if sign == ")" and not opened:
            yield start, piece.end(), first == "("
            start, first, last = piece.end(), "", ""
    if start < end:
        yield start, end, first == "(" and last == ")"
