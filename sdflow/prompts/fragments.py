"""What every prompt language is read into."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdflow.values import ALWAYS, Span

Weighting: TypeAlias = Literal["plain", "a1111", "compel", "comfy"]


HEAVIEST = 1000.0
"""The largest weight; with more, what a text encoder gives overflows in half precision. What is used is below 3."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of text, and how much it counts (1 is as the text encoder has it)."""

    text: str
    weight: float = 1.0


Part: TypeAlias = tuple[Fragment, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """What a prompt says in the steps of `span`: parts that each begin a chunk of their own."""

    parts: tuple[Part, ...]
    span: Span = ALWAYS

    @property
    def text(self) -> str:
        """All its text, without brackets and weights."""
        return " ".join("".join(fragment.text for fragment in part) for part in self.parts)

    @property
    def weighted(self) -> bool:
        """Whether any of it counts more or less than usual."""
        return any(fragment.weight != 1 for part in self.parts for fragment in part)


class PromptError(ValueError):
    """A prompt that its language does not allow; `place` is the character (from 0) to look at."""

    def __init__(self, message: str, place: int = 0) -> None:
        super().__init__(message)
        self.place = place


def refuse_heavy(text: str, part: Iterable[Fragment]) -> None:
    """Refuse weights that make numbers too large to draw with, as in `(year:2023)`.

    Raises:
        PromptError: one is beyond `HEAVIEST`, or no number.
    """
    for fragment in part:
        if not abs(fragment.weight) <= HEAVIEST:
            place = max(text.find(fragment.text), 0)
            raise PromptError(f"a weight of {fragment.weight:g} is far too large", place)


def joined(fragments: Iterable[Fragment]) -> Part:
    """The same fragments without empty ones, neighbours of equal weight made one."""
    kept: list[Fragment] = []
    for fragment in fragments:
        if not fragment.text:
            continue
        if kept and kept[-1].weight == fragment.weight:
            kept[-1] = Fragment(kept[-1].text + fragment.text, fragment.weight)
        else:
            kept.append(fragment)
    return tuple(kept)
