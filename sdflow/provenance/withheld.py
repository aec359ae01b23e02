"""Which output files are not written, because they would show what a node flagged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from sdflow.graph.build import GraphOutput
from sdflow.graph.plan import Plan
from sdflow.graph.wire import Wire
from sdflow.provenance.items import items_before
from sdflow.values import Mask, StoredValue

_SHOW_MANY = frozenset({"grid", "animate"})
"""What shows a whole batch is written, with the flagged ones as their node hands them on."""


@dataclass(frozen=True)
class Withheld:
    """Asked for each file; `value` gives a result by its key and port."""

    plan: Plan
    value: Callable[[str, str], StoredValue]
    _flags: dict[int, tuple[bool, ...]] = field(default_factory=dict)

    def by(self, output: GraphOutput, index: int) -> str | None:
        """The name of the node that flagged what item `index` of an output shows or was made from; None is as a rule.

        Raises:
            LostValueError: what was flagged is not kept any more.
        """
        if not self._somewhere:
            return None
        graph = self.plan.graph
        for wire, item in self._made_from(output.wire, index):
            port = graph.nodes[wire.node].node.withholds
            if port is not None and wire.port != port and self._is_flagged(wire.node, port, item):
                return graph.nodes[wire.node].name
        return None

    @cached_property
    def _somewhere(self) -> bool:
        """Whether any node of the plan flags anything; there are plans of ten thousands."""
        return any(item.node.withholds for item in self.plan.graph.nodes)

    def _made_from(self, start: Wire, index: int) -> Iterator[tuple[Wire, int]]:
        """A result and all that feeds it, each with the number of the item."""
        graph = self.plan.graph
        seen = {(start, index)}
        left = [(start, index)]
        while left:
            wire, item = left.pop()
            yield wire, item
            if graph.nodes[wire.node].node.name in _SHOW_MANY:
                continue
            for before in items_before(graph.nodes[wire.node], self.plan.inferred, item):
                if before not in seen:
                    seen.add(before)
                    left.append(before)

    def _is_flagged(self, number: int, port: str, item: int) -> bool:
        if number not in self._flags:
            mask = cast("Mask", self.value(self.plan.keys[number].key, port))
            self._flags[number] = tuple(bool(one.any()) for one in mask.pixels)
        flags = self._flags[number]
        return flags[item % len(flags)]
