"""What there is to say about why a node runs or does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sdflow.composition import Json
from sdflow.graph.plan import PlannedNode
from sdflow.review.nearest import Near, Neighbours
from sdflow.store import Record
from sdflow.wishes import Wishes
from sdflow.workflow import Prepared, Session


@dataclass(frozen=True)
class Explained:
    """One node of one cell: its plan, the key that it had last time, the records of both keys, and `neighbours`."""

    cell: str
    name: str
    planned: PlannedNode
    previous: str
    record: Record | None
    previous_record: Record | None
    kept: bool
    neighbours: Neighbours

    @cached_property
    def near(self) -> tuple[Near, ...]:
        """Results of nodes of this type, nearest first, its own among them."""
        return self.neighbours.of(self.planned.item.id) if self.planned.keyed else ()

    @property
    def nearest(self) -> Near | None:
        """The earlier result that comes nearest, its own left out."""
        return next((it for it in self.near if it.record.key != self.planned.key), None)

    @property
    def changed(self) -> bool:
        """Whether it was something else last time."""
        return bool(self.previous) and self.previous != self.planned.key

    def to_json(self) -> dict[str, Json]:
        """For programs."""
        keyed = self.planned.keyed
        return {
            "cell": self.cell,
            "node": self.name,
            "type": self.planned.item.node.name,
            "status": self.planned.status,
            "reason": self.planned.reason or None,
            "key": self.planned.key or None,
            "preimage": keyed.preimage if keyed else None,
            "record": _record_json(self.record),
            "previous_key": self.previous or None,
            "previous_preimage": self.previous_record.preimage if self.previous_record else None,
            "nearest": _near_json(self.nearest) if self.nearest else None,
            "records": [
                {**_record_facts(it.record), "key": it.record.key, "differences": len(it.differences)}
                for it in self.near
            ],
        }


def explain(session: Session, prepared: Prepared, name: str) -> Iterator[Explained]:
    """The node of this name in every cell; nodes that several cells share come once."""
    wanted = set(prepared.graph.named(name))
    seen: set[int] = set()
    neighbours = Neighbours(prepared.plan, session.store)
    for (cell, found), number in prepared.graph.names.items():
        inside = found == name or found.startswith(f"{name}/")
        if not inside or number not in wanted or number in seen or number not in prepared.plan.nodes:
            continue
        seen.add(number)
        planned = prepared.plan.nodes[number]
        previous = session.index.of_node(prepared.composition.identity, found).get(cell, "")
        yield Explained(
            cell,
            found,
            planned,
            previous,
            session.store.peek(planned.key) if planned.key else None,
            session.store.peek(previous) if previous else None,
            bool(planned.key) and session.store.find(planned.key) is not None,
            neighbours,
        )


def prepare_for(session: Session, prepared: Prepared, name: str) -> Prepared:
    """The plan, or one up to this node where no output needs it.

    Raises:
        UserError: there is no such node.
    """
    numbers = prepared.graph.named(name)
    if numbers and all(number in prepared.plan.nodes for number in numbers):
        return prepared
    return session.prepare(prepared.composition, Wishes(to=(name,)))


def _record_json(record: Record | None) -> Json:
    return None if record is None else _record_facts(record)


def _record_facts(record: Record) -> dict[str, Json]:
    return {
        "created": record.created,
        "seconds": record.seconds,
        "peak_bytes": record.peak_bytes,
        "bytes": record.nbytes,
        "environment": record.environment,
        "digests": dict(record.digests),
        "also": [{"digests": dict(it.digests), "created": it.created} for it in record.also],
    }


def _near_json(near: Near) -> Json:
    return {
        "key": near.record.key,
        "differences": [
            {
                "node": it.node,
                "what": it.what,
                "before": it.before,
                "now": it.now,
                "through": list(it.through),
            }
            for it in near.differences
        ],
    }
