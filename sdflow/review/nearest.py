"""The earlier results that come nearest to what a node is now."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from sdflow.composition import Json
from sdflow.graph.node import Node
from sdflow.graph.plan import Plan
from sdflow.review.ancestry import Ancestry, Difference, way_of
from sdflow.store import Record, Store

MOST_READ = 10_000
"""Most records that are looked through, those that were used last."""
MOST_COMPARED = 1000
"""Most records that a node is compared with, the newest; following each to what it is made of takes its time."""


@dataclass(frozen=True, slots=True)
class Near:
    """A record, and what differs between it and the node: nothing for the node's own."""

    record: Record
    differences: tuple[Difference, ...]

    @property
    def distance(self) -> tuple[int, int]:
        """How far away it is: what was made in another way, and then all that differs."""
        return sum(it.otherwise_made for it in self.differences), len(self.differences)


@dataclass(frozen=True)
class Neighbours:
    """Looks records up for the nodes of one plan; the store is read once."""

    plan: Plan
    store: Store

    def of(self, number: int) -> tuple[Near, ...]:
        """The newest records of nodes of this type, nearest first; of those that are equally near, the newest."""
        own = self.plan.keys[number]
        alike = self._by_type.get(self.plan.graph.nodes[number].node.name, [])
        found = [
            Near(record, () if record.key == own.key else self._ancestry.differences(number, record.key))
            for place, record in enumerate(alike)
            if place < MOST_COMPARED or record.key == own.key
        ]
        return tuple(sorted(found, key=lambda it: (it.distance, -it.record.created)))

    @cached_property
    def _records(self) -> Mapping[str, tuple[Record, Mapping[str, Json]]]:
        """Record and preimage by key; states of trajectories are no results of their own."""
        found = ((record, record.preimage) for record in self.store.latest(MOST_READ))
        return {
            record.key: (record, cast("Mapping[str, Json]", preimage))
            for record, preimage in found
            if isinstance(preimage, dict) and "node" in preimage
        }

    @cached_property
    def _by_type(self) -> Mapping[str, list[Record]]:
        types: dict[str, list[Record]] = {}
        for record, preimage in self._records.values():
            types.setdefault(str(preimage["node"]), []).append(record)
        return {name: sorted(records, key=lambda it: -it.created) for name, records in types.items()}

    @cached_property
    def _ways(self) -> Mapping[str, Mapping[str, Json]]:
        """Preimages by their trajectories; those that only end elsewhere have the same one."""
        types = {type(item.node) for item in self.plan.graph.nodes}
        return {way_of(preimage, it.open_ended): preimage for it in types for preimage in self._with_way(it)}

    def _with_way(self, node_type: type[Node]) -> list[Mapping[str, Json]]:
        if not node_type.open_ended:
            return []
        return [self._records[record.key][1] for record in self._by_type.get(node_type.name, ())]

    @cached_property
    def _ancestry(self) -> Ancestry:
        def preimage_of(key: str) -> Mapping[str, Json] | None:
            if key in self._records:
                return self._records[key][1]
            record = self.store.peek(key)
            return cast("Mapping[str, Json] | None", None if record is None else record.preimage)

        return Ancestry(self.plan, preimage_of, self._ways.get)
