"""`combine-conditioning`: several prompts at once."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.sides import batch_of
from sdflow.values import Conditioning, ConditioningSpec


class CombineConditioning(Node, type="combine-conditioning", version=1):
    """Draw by several prompts at once: in each step the model is asked for each, and the answers are averaged.

    The average is weighed by the strengths, areas and masks of regional-conditioning. Equal prompts, mostly the
    negative ones, are merged and asked for once.
    """

    outputs = {"conditioning": "Conditioning"}

    conditionings: tuple[Input[Conditioning], ...] = Field(min_length=2)
    """The conditionings; both their positive and their negative sides are combined."""

    def infer(
        self, facts: Facts, conditionings: tuple[ConditioningSpec, ...]
    ) -> Mapping[str, ConditioningSpec]:
        """The entries of all. Which of them are equal is not known yet.

        Raises:
            Refusal: they do not fit each other.
        """
        return {
            "conditioning": ConditioningSpec(
                batch_of(conditionings),
                conditionings[0].width,
                tuple(entry for conditioning in conditionings for entry in conditioning.positive),
                tuple(entry for conditioning in conditionings for entry in conditioning.negative),
                conditionings[0].pooled,
            )
        }

    def run(self, ctx: RunContext, conditionings: tuple[Conditioning, ...]) -> Conditioning:
        """Collect the entries."""
        from sdflow.diffusion.conditioning import merged

        return Conditioning(
            merged([entry for conditioning in conditionings for entry in conditioning.positive]),
            merged([entry for conditioning in conditionings for entry in conditioning.negative]),
        )
