"""Tokens of a prompt in chunks that a text encoder reads one by one (75 tokens and two ends for CLIP)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdflow.prompts.fragments import Variant, Weighting
from sdflow.prompts.vocabulary import Unit, Vocabulary, tokens_of, words_of

Long: TypeAlias = Literal["refuse", "truncate", "chunk"]

_BACKTRACK = 20
"""A1111 ends a full chunk at its last comma, if that is among so many tokens at its end."""

_LONG_WORD = 8
"""ComfyUI divides words of so many tokens; shorter ones stay whole."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens (and vectors) between the ends of one chunk, each with its weight."""

    ids: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A prompt in chunks.

    `count` is how many tokens it has, all of them; `longest` how many its longest part has. `cut` is the place in
    `text` where the first part that is too long for one chunk outgrows it, None where all fit.
    """

    chunks: tuple[Chunk, ...]
    count: int
    longest: int
    text: str = ""
    cut: int | None = None


def lay_out(variant: Variant, weighting: Weighting, vocabulary: Vocabulary, long: Long) -> Layout:
    """A prompt in as many chunks as it needs, or with every part cut to one where `long` is not `chunk`."""
    chunks: list[Chunk] = []
    counts: list[int] = []
    place, cut = 0, None
    for number, part in enumerate(variant.parts):
        units = list(words_of(part, vocabulary) if weighting == "comfy" else tokens_of(part, vocabulary))
        counts.append(sum(len(unit.ids) for unit in units))
        if counts[-1] > vocabulary.room and cut is None:
            cut = place + _first_outside(units, vocabulary.room)
        if long != "chunk":
            units = _cut(units, vocabulary.room, whole=weighting != "plain")
        if units or number < len(variant.parts) - 1 or not chunks:
            chunks += _packed(units, weighting, vocabulary)
        place += sum(len(fragment.text) for fragment in part) + 1
    return Layout(tuple(chunks), sum(counts), max(counts), variant.text, cut)


def padded(layouts: Sequence[Layout], chunks: int) -> tuple[tuple[Chunk, ...], ...]:
    """The chunks of each layout, and empty ones until there are so many."""
    return tuple(layout.chunks + (Chunk(),) * (chunks - len(layout.chunks)) for layout in layouts)


def _first_outside(units: Sequence[Unit], room: int) -> int:
    count = 0
    for unit in units:
        count += len(unit.ids)
        if count > room:
            return unit.start
    raise AssertionError("asked only where the units are too many")


def _cut(units: Sequence[Unit], room: int, *, whole: bool) -> list[Unit]:
    """The units that fit; the last one in part, unless units stay `whole`."""
    kept: list[Unit] = []
    for unit in units:
        left = room - sum(len(it.ids) for it in kept)
        if len(unit.ids) <= left:
            kept.append(unit)
            continue
        if not whole or (not kept and left):
            kept.append(Unit(unit.ids[:left], unit.weight, unit.start))
        break
    return kept


def _packed(units: Sequence[Unit], weighting: Weighting, vocabulary: Vocabulary) -> Iterator[Chunk]:
    if weighting == "a1111":
        filled = _by_commas(units, vocabulary)
    elif weighting == "comfy":
        filled = _by_words(units, vocabulary.room)
    else:
        filled = _one_after_the_other(units, vocabulary.room)
    for tokens in filled:
        yield Chunk(tuple(token for token, _ in tokens), tuple(weight for _, weight in tokens))


Filled: TypeAlias = Iterator[list[tuple[int, float]]]


def _one_after_the_other(units: Sequence[Unit], room: int) -> Filled:
    tokens = [(token, unit.weight) for unit in units for token in unit.ids]
    for start in range(0, max(len(tokens), 1), room):
        yield tokens[start : start + room]


def _by_commas(units: Sequence[Unit], vocabulary: Vocabulary) -> Filled:
    """A1111's way: a full chunk ends after its last comma when that is near; vectors stay together."""
    room = vocabulary.room
    chunk: list[tuple[int, float]] = []
    last_comma: int | None = None
    for unit in units:
        if len(unit.ids) == 1 and vocabulary.spelled(unit.ids[0]) == ",</w>":
            last_comma = len(chunk)
        elif len(chunk) == room and last_comma is not None and room - last_comma <= _BACKTRACK:
            yield chunk[: last_comma + 1]
            chunk, last_comma = chunk[last_comma + 1 :], None
        if len(chunk) == room or len(chunk) + len(unit.ids) > room:
            yield chunk
            chunk, last_comma = [], None
        chunk += [(token, unit.weight) for token in unit.ids]
    yield chunk


def _by_words(units: Sequence[Unit], room: int) -> Filled:
    """ComfyUI's way: words stay whole, unless they are very long."""
    chunk: list[tuple[int, float]] = []
    for unit in units:
        tokens = [(token, unit.weight) for token in unit.ids]
        while len(chunk) + len(tokens) > room:
            fit = room - len(chunk) if len(tokens) >= _LONG_WORD or not chunk else 0
            yield chunk + tokens[:fit]
            chunk, tokens = [], tokens[fit:]
        chunk += tokens
    yield chunk
