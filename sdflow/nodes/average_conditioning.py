"""`average-conditioning`: a prompt between two prompts."""

from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.sides import Side, batch_of, changed, refuse_bounds
from sdflow.values import Conditioning, ConditioningSpec, Entry, EntrySpec


class AverageConditioning(Node, type="average-conditioning", version=1):
    """Blend two prompts into one, between their embeddings. The shorter one gets zeros at its end."""

    outputs = {"conditioning": "Conditioning"}

    first: Input[Conditioning]
    """The conditioning at weight 0. Its steps and regions stay."""
    second: Input[Conditioning]
    """The conditioning at weight 1: one prompt, without steps or regions."""
    weight: float = Field(0.5, ge=0, le=1)
    """How much of the second: embeddings are first · (1 - weight) + second · weight."""
    side: Side = "both"
    """Which side to blend; the other one is that of the first conditioning."""

    def infer(
        self, facts: Facts, first: ConditioningSpec, second: ConditioningSpec
    ) -> Mapping[str, ConditioningSpec]:
        """As the first, as long as the longer one.

        Raises:
            Refusal: they do not fit each other, or the second one is more than one prompt.
        """
        refuse_bounds(second, self.side, field="second")
        batch = batch_of((first, second))

        def longer(name: str, entries: tuple[EntrySpec, ...]) -> tuple[EntrySpec, ...]:
            other: EntrySpec = getattr(second, name)[0]
            return tuple(replace(entry, tokens=self._tokens(entry, other)) for entry in entries)

        return {"conditioning": replace(changed(first, self.side, longer), batch=batch)}

    def _tokens(self, first: EntrySpec, second: EntrySpec) -> int:
        if self.weight in (0, 1):
            return second.tokens if self.weight else first.tokens
        return max(first.tokens, second.tokens)

    def run(self, ctx: RunContext, first: Conditioning, second: Conditioning) -> Conditioning:
        """Interpolate."""
        from sdflow.diffusion.conditioning import averaged

        def blended(name: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
            return averaged(entries, getattr(second, name)[0], self.weight)

        return changed(first, self.side, blended)
