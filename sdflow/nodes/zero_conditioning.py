"""`zero-conditioning`: no prompt at all."""

from collections.abc import Mapping

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.sides import Side, changed
from sdflow.values import Conditioning, ConditioningSpec


class ZeroConditioning(Node, type="zero-conditioning", version=1):
    """Put zeros in place of a prompt's embeddings and pooled embeddings, which is not the same as an empty prompt."""

    outputs = {"conditioning": "Conditioning"}

    conditioning: Input[Conditioning]
    """The conditioning; its steps and regions stay."""
    side: Side = "negative"
    """Which side to make zeros of."""

    def infer(self, facts: Facts, conditioning: ConditioningSpec) -> Mapping[str, ConditioningSpec]:
        """The same shapes."""
        return {"conditioning": conditioning}

    def run(self, ctx: RunContext, conditioning: Conditioning) -> Conditioning:
        """Zeros."""
        from sdflow.diffusion.conditioning import zeroed

        return changed(conditioning, self.side, lambda _, entries: zeroed(entries))
