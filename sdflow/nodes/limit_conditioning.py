"""`limit-conditioning`: a prompt for some of the steps."""

from collections.abc import Mapping

from pydantic import Field

from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, Refusal, RunContext
from sdflow.graph.wire import Input
from sdflow.nodes.sides import C, Side, changed, limited
from sdflow.values import Conditioning, ConditioningSpec, Span


class LimitConditioning(Node, type="limit-conditioning", version=1):
    """Let a prompt count in a part of the steps only. Combine it with one for the other steps.

    Steps are those of the whole schedule, also where a denoise does only some of them. A step without any negative
    prompt is done without guidance.
    """

    outputs = {"conditioning": "Conditioning"}

    conditioning: Input[Conditioning]
    """The conditioning; steps that it was limited to before still hold."""
    from_: float | None = Field(None, ge=0, lt=1)
    """Where to begin, as a fraction of the steps, rounded down."""
    until: float | None = Field(None, gt=0, le=1)
    """Where to end, as a fraction of the steps, rounded down."""
    start_step: int | None = Field(None, ge=0, le=1000)
    """The first step, counted from 0."""
    end_step: int | None = Field(None, ge=1, le=1000)
    """The step to end before."""
    side: Side = "positive"
    """Which side to limit."""

    def infer(self, facts: Facts, conditioning: ConditioningSpec) -> Mapping[str, ConditioningSpec]:
        """The same, with other steps.

        Raises:
            Refusal: no bound, two for one end, or an end that is not behind its beginning.
        """
        for one, other in (("start_step", "from_"), ("end_step", "until")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                names = " and ".join(name.rstrip("_").replace("_", "-") for name in (one, other))
                raise Refusal(f"{names} say the same thing twice", field=one, code="SDF214")
        if self.from_ is None and self.until is None and self.start_step is None and self.end_step is None:
            message = "limit-conditioning needs from, until, start-step or end-step"
            raise Refusal(message, code="SDF203")
        if self.from_ is not None and self.until is not None and self.from_ >= self.until:
            raise Refusal(f"until {self.until} is not behind from {self.from_}", field="until", code="SDF204")
        if self.end_step is not None and self.end_step <= (self.start_step or 0):
            message = f"end-step {self.end_step} is not behind start-step {self.start_step}"
            raise Refusal(message, field="end_step", code="SDF204")
        return {"conditioning": self._limited(conditioning)}

    @property
    def _span(self) -> Span:
        return Span(
            self.start_step or 0,
            self.end_step,
            0.0 if self.from_ is None else self.from_,
            1.0 if self.until is None else self.until,
        )

    def _limited(self, conditioning: C) -> C:
        return changed(conditioning, self.side, lambda _, entries: limited(entries, self._span))

    def run(self, ctx: RunContext, conditioning: Conditioning) -> Conditioning:
        """The same numbers with other steps."""
        return self._limited(conditioning)
