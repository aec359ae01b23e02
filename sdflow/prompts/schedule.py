"""A1111's prompt editing and alternating words.

As its wiki says (Features): `[from:to:when]` is `from` in the first `when` steps and `to` afterwards, `[to:when]` adds
and `[from::when]` removes; a `when` between 0 and 1 is a fraction of the steps, a whole number that many steps.
`[a|b|c]` takes turns, one for each step. They can stand in each other. Square brackets that are neither are emphasis.

`when` is a fraction where it is written with a decimal point, so that 1.0 is the end of all steps and 1 that of the
first.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sdflow.prompts.fragments import PromptError
from sdflow.prompts.spans import can_hold
from sdflow.values import ALWAYS, Span

MOST_VARIANTS = 64
_DEEPEST = 100
_WHEN = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")
_MOST_COLONS = 2

Said = tuple[Span, str]


def read_schedule(text: str) -> tuple[Said, ...]:
    """What a prompt says in which steps: spans that share out all steps, and the text with its emphasis as written.

    Raises:
        PromptError: more than `MOST_VARIANTS` different texts, or brackets in more than a hundred brackets.
    """
    return _Reader(text, _pairs(text)).read(0, len(text), 0)


def _pairs(text: str) -> dict[int, int]:
    """Where brackets close, by where they open; one that closes nothing, or is never closed, is not there."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    places = iter(range(len(text)))
    for place in places:
        letter = text[place]
        if letter == "\\":
            next(places, None)
        elif letter in "([":
            opened.append(place)
        elif letter in ")]" and opened and text[opened[-1]] == {")": "(", "]": "["}[letter]:
            pairs[opened.pop()] = place
    return pairs


@dataclass(frozen=True, slots=True)
class _Reader:
    text: str
    pairs: dict[int, int]

    def read(self, start: int, end: int, depth: int) -> tuple[Said, ...]:
        """What a stretch of the text says in which steps."""
        if depth > _DEEPEST:
            raise PromptError("there are brackets in more than a hundred brackets", start)
        said: tuple[Said, ...] = ((ALWAYS, ""),)
        place = plain = start
        while place < end:
            if self.text[place] == "\\":
                place += 2
                continue
            if self.text[place] == "[" and place in self.pairs:
                said = _followed_by(said, [(ALWAYS, self.text[plain:place])], place)
                said = _followed_by(said, self._bracket(place, self.pairs[place], depth + 1), place)
                place = plain = self.pairs[place]
                plain += 1
            place += 1
        return _followed_by(said, [(ALWAYS, self.text[plain:end])], start)

    def _bracket(self, opening: int, closing: int, depth: int) -> Iterator[Said]:
        """What a square bracket says in which steps."""
        colons, bars = self._at_top(":", opening, closing), self._at_top("|", opening, closing)
        when = _WHEN.fullmatch(self.text, colons[-1] + 1, closing) if colons else None
        if when and len(colons) <= _MOST_COLONS:
            before, after = _before_and_after(when[1])
            first = (
                self.read(opening + 1, colons[0], depth) if len(colons) == _MOST_COLONS else ((ALWAYS, ""),)
            )
            second = self.read(opening + 1 if len(colons) == 1 else colons[0] + 1, colons[-1], depth)
            yield from _within(before, first)
            yield from _within(after, second)
        elif bars:
            starts, ends = [opening, *bars], [*bars, closing]
            for turn, (start, end) in enumerate(zip(starts, ends, strict=True)):
                yield from _within(Span(turns=((turn, len(starts)),)), self.read(start + 1, end, depth))
        else:
            for span, said in self.read(opening + 1, closing, depth):
                yield span, f"[{said}]"

    def _at_top(self, sign: str, opening: int, closing: int) -> list[int]:
        """Where a sign stands in a bracket, but not in brackets inside of it."""
        found, place = [], opening + 1
        while place < closing:
            if self.text[place] == sign:
                found.append(place)
            elif self.text[place] == "\\":
                place += 1
            place = self.pairs.get(place, place) + 1
        return found


def _before_and_after(when: str) -> tuple[Span | None, Span | None]:
    """The steps before and after; None where there are none."""
    fraction = not when.lstrip("+-").isdigit()
    number = float(when)
    if number <= 0:
        return None, ALWAYS
    if not fraction:
        return Span(until_step=int(number)), Span(from_step=int(number))
    if number >= 1:
        return ALWAYS, None
    return Span(until=number), Span(from_=number)


def _within(span: Span | None, said: Iterable[Said]) -> Iterator[Said]:
    if span is not None:
        yield from ((both, text) for inner, text in said if can_hold(both := span.within(inner)))


def _followed_by(said: tuple[Said, ...], more: Iterable[Said], place: int) -> tuple[Said, ...]:
    """Every text with every one that can follow it in the same step."""
    following = list(more)
    found: list[Said] = []
    for span, text in said:
        for other, next_text in following:
            both = span.within(other)
            if can_hold(both):
                found.append((both, text + next_text))
        if len(found) > MOST_VARIANTS:
            raise PromptError(
                f"it says more than {MOST_VARIANTS} different things in different steps from here on", place
            )
    return tuple(found)
