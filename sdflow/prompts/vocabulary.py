"""What a prompt language asks of a tokenizer, and the words that textual inversions add to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sdflow.prompts.fragments import Part, Weighting
from sdflow.values import Tokens

FIRST_VECTOR = 2**24
"""Numbers from here on are no tokens but vectors of textual inversions, counted through."""

EMBEDDING = "embedding:"
"""How ComfyUI marks the name of a textual inversion."""

_ENDINGS = (".safetensors", ".pt", ".bin")
"""Of the files of textual inversions."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer, and what its text encoder reads.

    tokenize: the tokens of a text, without the two at its ends. spelled: how the vocabulary spells a token, with
    `</w>` where it ends a word. room: how many tokens fit between the ends.
    written: vectors that stand for a row of tokens. named: vectors of a textual inversion, by its name.
    """

    tokenize: Callable[[str], Tokens]
    spelled: Callable[[int], str]
    room: int = 75
    written: Mapping[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)
    named: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def with_words(vocabulary: Vocabulary, words: Iterable[tuple[str, int]], weighting: Weighting) -> Vocabulary:
    """The vocabulary with textual inversions, each a word and the number of its vectors.

    ComfyUI calls them by `embedding:NAME`; A1111 finds the row of tokens that the word is written with; for the others
    the words have been added to the tokenizer, which makes one token of each.
    """
    vectors: dict[str, tuple[int, ...]] = {}
    first = FIRST_VECTOR
    for word, count in words:
        vectors[word] = tuple(range(first, first + count))
        first += count
    if weighting == "comfy":
        return replace(vocabulary, named=vectors)
    return replace(vocabulary, written={vocabulary.tokenize(word).ids: ids for word, ids in vectors.items()})


def adds_words(weighting: Weighting) -> bool:
    """Whether a language has the words of textual inversions added to the tokenizer."""
    return weighting in {"plain", "compel"}


@dataclass(frozen=True, slots=True)
class Unit:
    """Tokens, or the vectors of a textual inversion, that stay together; `start` is their place in the part's text."""

    ids: tuple[int, ...]
    weight: float
    start: int


def tokens_of(part: Part, vocabulary: Vocabulary) -> Iterator[Unit]:
    """Every token of a part alone; rows of tokens that a textual inversion is written as become its vectors."""
    longest_first = sorted(vocabulary.written, key=len, reverse=True)
    before = 0
    for fragment in part:
        tokens = vocabulary.tokenize(fragment.text)
        place = 0
        while place < len(tokens.ids):
            row = next((it for it in longest_first if tokens.ids[place : place + len(it)] == it), None)
            ids = vocabulary.written[row] if row else tokens.ids[place : place + 1]
            yield Unit(ids, fragment.weight, before + tokens.starts[place])
            place += len(row) if row else 1
        before += len(fragment.text)


def words_of(part: Part, vocabulary: Vocabulary) -> Iterator[Unit]:
    """Every word of a part, between white space; `embedding:NAME` becomes vectors (ask for unknown names before)."""
    before = 0
    for fragment in part:
        for start, word in _words(fragment.text):
            name, rest = embedding_in(word, vocabulary.named)
            if name is not None:
                yield Unit(vocabulary.named[name], fragment.weight, before + start)
            if rest:
                at = before + start + len(word) - len(rest)
                yield Unit(vocabulary.tokenize(rest).ids, fragment.weight, at)
        before += len(fragment.text)


def embedding_in(word: str, names: Mapping[str, object]) -> tuple[str | None, str]:
    """The name of a textual inversion that a word calls, and the commas after it; else no name and the word.

    A name may be written as that of a file: with an ending, where there is no textual inversion of the whole name.
    """
    if not word.startswith(EMBEDDING):
        return None, word
    name = word.removeprefix(EMBEDDING)
    written = name if name in names else name.rstrip(",")
    rest = name[len(written) :]
    if written not in names:
        for ending in _ENDINGS:
            if (bare := written.removesuffix(ending)) in names:
                return bare, rest
    return written, rest


def unknown_embeddings(part: Part, names: Sequence[str]) -> tuple[str, ...]:
    """Names that a part calls with `embedding:` and that are not among `names`."""
    known = dict.fromkeys(names)
    called = (embedding_in(word, known)[0] for fragment in part for _, word in _words(fragment.text))
    return tuple(name for name in called if name is not None and name not in known)


def _words(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    for word in text.replace("\n", " ").split(" "):
        if word:
            yield start, word
        start += len(word) + 1
