"""How long a prompt in compel's language is, and whether compel can read it.

compel (https://github.com/damian0815/compel) reads and embeds its prompts itself. Its parser is one file that needs
no torch; it is loaded alone here, so that a prompt is refused and its chunks are counted while planning.
"""

import importlib.util
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from sdflow.prompts.chunks import Chunk, Layout, Long
from sdflow.prompts.fragments import Fragment, PromptError, refuse_heavy
from sdflow.prompts.vocabulary import Vocabulary, tokens_of

_SENTENCE = (".</w>",)
_PHRASE = (".</w>", ",</w>", ";</w>", ":</w>")
_LONG_PROMPT = 20_000
"""Characters; compel's parser takes far longer than it should for more."""


def compel_is_there() -> bool:
    """Whether the package is installed; it is not imported."""
    return importlib.util.find_spec("compel") is not None


def lay_out_compel(text: str, vocabulary: Vocabulary, long: Long) -> Layout:
    """A prompt as compel divides it. The chunks are as many as it will make, and empty.

    Raises:
        PromptError: compel cannot read the prompt, or would silently leave out a part of it.
    """
    pieces = [_pieces(prompt) for prompt in _parsed(text).prompts]
    chunks, counts, cut = 0, [0], None
    for blended in pieces:
        most = 1
        for said in blended:
            refuse_heavy(text, said)
            ids = [token for unit in tokens_of(said, vocabulary) for token in unit.ids]
            counts.append(len(ids))
            most = max(most, _chunks(ids, vocabulary) if long == "chunk" else 1)
            if len(ids) > vocabulary.room and cut is None:
                cut = _cut(said, vocabulary)
        chunks += most
    told = cut or (text, len(text))
    place = None if cut is None else told[1]
    return Layout((Chunk(),) * chunks, sum(counts), max(counts), told[0], place)


def _parsed(text: str) -> Any:
    if len(text) > _LONG_PROMPT:
        raise PromptError(f"it has more than {_LONG_PROMPT} characters", _LONG_PROMPT)
    try:
        read = _parser().PromptParser().parse_conjunction(text)
    except Exception as error:  # its own exceptions, pyparsing's, and what follows from them
        raise PromptError(f"compel cannot read it: {error}") from error
    if not read.prompts and not read.lora_weights:
        raise PromptError("compel finds nothing in it")
    if read.lora_weights:
        raise PromptError("compel would leave its LoRA out: use an `apply-lora` node", _place(text, "Lora("))
    return read


def _pieces(prompt: Any) -> list[tuple[Fragment, ...]]:
    """The texts that are blended into a prompt, or its only one."""
    blended = prompt.prompts if hasattr(prompt, "prompts") else [prompt]
    found = []
    for one in blended:
        if any(not hasattr(child, "text") for child in one.children):
            raise PromptError("compel would leave its `.swap()` out: pipelines have no use for it")
        found.append(tuple(Fragment(child.text, child.weight) for child in one.children))
    return found


def _place(text: str, sign: str) -> int:
    return max(text.find(sign), 0)


def _chunks(ids: Sequence[int], vocabulary: Vocabulary) -> int:
    """How many chunks compel makes: each ends after a sentence, else a phrase, else a word, else anywhere."""
    count, left = 1, list(ids)
    while len(left) > vocabulary.room:
        left = left[_end(left[: vocabulary.room], vocabulary) :]
        count += 1
    return count


def _end(ids: Sequence[int], vocabulary: Vocabulary) -> int:
    spelled = [vocabulary.spelled(token) for token in ids]
    for fits in (_SENTENCE.__contains__, _PHRASE.__contains__, _ends_a_word):
        ends = [place + 1 for place, token in enumerate(spelled) if fits(token)]
        if ends:
            return ends[-1]
    return len(ids)


def _ends_a_word(token: str) -> bool:
    return token.endswith("</w>")


def _cut(said: Sequence[Fragment], vocabulary: Vocabulary) -> tuple[str, int]:
    """The text of a prompt that is too long, and the place where it is."""
    units = list(tokens_of(tuple(said), vocabulary))
    count = 0
    for unit in units:
        count += len(unit.ids)
        if count > vocabulary.room:
            return "".join(fragment.text for fragment in said), unit.start
    raise AssertionError("asked only where there are too many tokens")


@cache
def _parser() -> ModuleType:
    """`compel.prompt_parser` without the package around it, which imports torch."""
    package = importlib.util.find_spec("compel")
    assert package is not None, "asked for beforehand"
    assert package.submodule_search_locations is not None
    name = "sdflow.prompts._compel_prompt_parser"
    file = Path(next(iter(package.submodule_search_locations)), "prompt_parser.py")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module
