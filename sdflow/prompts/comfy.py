r"""ComfyUI's weights: `(text:1.2)`, `(text)`.

As its documentation says: `(text:number)` counts with that number, `(text)` with 1.1 times what stands around it, and
`\(` and `\)` are brackets of the text. A number is not multiplied with what stands around it; `((text))` is 1.21.
Square brackets are text. `embedding:NAME` is a word like any other here; see `sdflow.prompts.chunks`.
"""

import re

from sdflow.prompts.fragments import Fragment, Part, PromptError, joined

_STEP = 1.1
_DEEPEST = 100
_WEIGHT = re.compile(r"(?P<text>.+):\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*", re.DOTALL)
_PIECES = re.compile(r"\\[()]|[()]|[^\\()]+|\\")


def read_comfy(text: str) -> Part:
    """Weighted fragments of a prompt.

    Raises:
        PromptError: a bracket is never closed, or never opened, or there are a hundred in each other.
    """
    return joined(_read(text, _closings(text), (0, len(text)), 1.0))


def _closings(text: str) -> dict[int, int]:
    """Where brackets close, by where they open."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for piece in _PIECES.finditer(text):
        if piece.group() == "(":
            opened.append(piece.start())
            if len(opened) > _DEEPEST:
                raise PromptError("there are brackets in more than a hundred brackets", piece.start())
        elif piece.group() == ")":
            if not opened:
                raise PromptError("a bracket is closed that was never opened", piece.start())
            pairs[opened.pop()] = piece.start()
    if opened:
        raise PromptError("a bracket is never closed", opened[0])
    return pairs


def _read(text: str, pairs: dict[int, int], stretch: tuple[int, int], weight: float) -> list[Fragment]:
    found: list[Fragment] = []
    place, end = stretch
    while place < end:
        piece = _PIECES.match(text, place, end)
        assert piece is not None, "every letter is in some piece"
        if piece.group() == "(":
            closing = pairs[place]
            given = _WEIGHT.fullmatch(text, place + 1, closing)
            inner = (place + 1, given.end("text") if given else closing)
            found += _read(text, pairs, inner, float(given["weight"]) if given else weight * _STEP)
            place = closing + 1
            continue
        said = piece.group()
        found.append(Fragment(said[1:] if len(said) > 1 and said[0] == "\\" else said, weight))
        place = piece.end()
    return found
