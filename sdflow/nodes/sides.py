"""Changing one side of a conditioning or both: values and what is known of them beforehand, by the same functions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias, TypeVar

from sdflow.graph.node import Refusal
from sdflow.values import ALWAYS, Area, Conditioning, ConditioningSpec, Entry, EntrySpec, Span

Side: TypeAlias = Literal["positive", "negative", "both"]
C = TypeVar("C", Conditioning, ConditioningSpec)
E = TypeVar("E", Entry, EntrySpec)


def sides_of(side: Side) -> tuple[str, ...]:
    """The names of the sides that are meant."""
    return ("positive", "negative") if side == "both" else (side,)


def changed(conditioning: C, side: Side, change: Callable[[str, tuple[Any, ...]], tuple[Any, ...]]) -> C:
    """The conditioning with the entries of these sides changed: `change(name of the side, its entries)`."""
    fields: dict[str, Any] = {name: change(name, getattr(conditioning, name)) for name in sides_of(side)}
    return replace(conditioning, **fields)


def limited(entries: Sequence[E], span: Span) -> tuple[E, ...]:
    """Entries that count in these steps alone, within those that they had."""
    return tuple(replace(entry, span=entry.span.within(span)) for entry in entries)


def in_area(entries: Sequence[E], area: Area | None, strength: float) -> tuple[E, ...]:
    """Entries about this part of their areas, so many times as strong.

    Raises:
        Refusal: an entry's area has no part in common with this one.
    """
    return tuple(
        replace(entry, area=_common(entry.area, area), strength=entry.strength * strength)
        for entry in entries
    )


def batch_of(conditionings: Sequence[ConditioningSpec]) -> int:
    """How many prompts several conditionings have together: one serves all items of the others.

    Raises:
        Refusal: batches, widths or pooled embeddings that do not fit each other.
    """
    first = conditionings[0]
    for other in conditionings[1:]:
        if (first.width, first.pooled) != (other.width, other.pooled):
            message = f"{_embedding(first)} and {_embedding(other)} do not go together"
            raise Refusal(message, hint="encode all prompts with the same model")
    batches = sorted({conditioning.batch for conditioning in conditionings} - {1})
    if len(batches) > 1:
        raise Refusal(
            f"{' and '.join(map(str, batches))} prompts do not go together", hint="give as many, or one"
        )
    return batches[0] if batches else 1


def refuse_bounds(conditioning: ConditioningSpec, side: Side, *, field: str) -> None:
    """See that the sides have one entry each, which counts always and everywhere.

    Raises:
        Refusal: there are several, or one with bounds.
    """
    for name in sides_of(side):
        entries: tuple[EntrySpec, ...] = getattr(conditioning, name)
        bounded = any(entry.span != ALWAYS or entry.area or entry.mask for entry in entries)
        if len(entries) != 1 or bounded:
            found = "counts in some steps or regions only" if bounded else f"has {len(entries)} parts"
            hint = "mix single prompts first, then limit and combine them"
            raise Refusal(f"what is mixed in {found} on its {name} side", field=field, hint=hint)


def _common(one: Area | None, other: Area | None) -> Area | None:
    if one is None or other is None:
        return one or other
    left, top = max(one.left, other.left), max(one.top, other.top)
    right = min(one.left + one.width, other.left + other.width)
    bottom = min(one.top + one.height, other.top + other.height)
    if right <= left or bottom <= top:
        raise Refusal("the conditioning is about another area, which has no part of this one", field="area")
    return Area(left, top, right - left, bottom - top)


def _embedding(conditioning: ConditioningSpec) -> str:
    pooled = f" and {conditioning.pooled} pooled" if conditioning.pooled else ""
    return f"embeddings of {conditioning.width}{pooled} features"
