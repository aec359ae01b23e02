"""`concat-conditioning`: one prompt behind another."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.sides import Side, batch_of, changed, refuse_bounds
from sdflow.values import Conditioning, ConditioningSpec, Entry, EntrySpec


class ConcatConditioning(Node, type="concat-conditioning", version=1):
    """Join prompts into a longer one: each is encoded on its own, and the model sees the tokens of all.

    Pooled embeddings are those of the first.
    """

    outputs = {"conditioning": "Conditioning"}

    conditionings: tuple[Input[Conditioning], ...] = Field(min_length=2)
    """The conditionings in order. Steps and regions of the first stay; the others are one prompt each, without any."""
    side: Side = "both"
    """Which side to join; the other one is that of the first conditioning."""

    def infer(
        self, facts: Facts, conditionings: tuple[ConditioningSpec, ...]
    ) -> Mapping[str, ConditioningSpec]:
        """As the first, with the tokens of all.

        Raises:
            Refusal: they do not fit each other, or one of the others is more than one prompt.
        """
        first, *others = conditionings
        for other in others:
            refuse_bounds(other, self.side, field="conditionings")
        batch = batch_of(conditionings)

        def longer(name: str, entries: tuple[EntrySpec, ...]) -> tuple[EntrySpec, ...]:
            more = sum(getattr(other, name)[0].tokens for other in others)
            return tuple(replace(entry, tokens=entry.tokens + more) for entry in entries)

        return {"conditioning": replace(changed(first, self.side, longer), batch=batch)}

    def run(self, ctx: RunContext, conditionings: tuple[Conditioning, ...]) -> Conditioning:
        """Put the tokens one after the other."""
        from sdflow.diffusion.conditioning import joined

        first, *others = conditionings

        def longer(name: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
            return joined(entries, [getattr(other, name)[0] for other in others])

        return changed(first, self.side, longer)
