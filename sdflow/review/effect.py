"""What runs because of a change: the second version is planned as if the first had just been run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from sdflow.composition import Json
from sdflow.graph.keys import Keyed, state_key
from sdflow.graph.plan import Kept, Plan, PlannedNode, Seconds
from sdflow.workflow import Prepared, Session


@dataclass(frozen=True, slots=True)
class Rerun:
    """A node whose result is another one than before.

    `kept` says that its result is here all the same, from some earlier run. `name` has the cell in it where only some
    cells have the node, `node` is what events call it; `reason` is that of a plan.
    """

    name: str
    node: str
    type: str
    reason: str
    seconds: Seconds
    kept: bool


@dataclass(frozen=True, slots=True)
class Preimage:
    """A record as far as a reason needs it."""

    preimage: Json


@dataclass(frozen=True, slots=True)
class Blank:
    """Nothing was ever run: what a plan asks before the first version."""

    session: Session

    def keeps(self, key: str) -> bool:  # noqa: ARG002 - whatever it is
        """No."""
        return False

    def before(self, key: str) -> Kept | None:  # noqa: ARG002
        """Nothing."""
        return None

    def previous(self, cell: str, node: str) -> str | None:  # noqa: ARG002
        """Nothing."""
        return None

    def seconds(self, node_type: str, scale: str, work: float) -> Seconds:
        """How long such work took here lately."""
        return self.session.rates.seconds(node_type, scale, work)


@dataclass(frozen=True, slots=True)
class AfterRun:
    """The first version, if there is one, was just run: its results are there, and what lies in the store is, too.

    `renamed` gives the name that a node had before by its name now.
    """

    session: Session
    first: Plan | None
    renamed: Mapping[str, str]
    store: bool
    _keys: dict[str, Keyed] = field(default_factory=dict)
    _states: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for node in self.first.nodes.values() if self.first is not None else ():
            if node.keyed is not None:
                self._keys[node.key] = node.keyed
                self._states.update(state_key(node.keyed.trajectory, step) for step in node.states)

    def keeps(self, key: str) -> bool:
        """Whether the result of a key is there then."""
        if key in self._keys or key in self._states:
            return True
        return self.store and self.session.results.find(key) is not None

    def before(self, key: str) -> Kept | None:
        """What a key of the first version was made of."""
        keyed = self._keys.get(key)
        return cast("Kept", Preimage(keyed.preimage)) if keyed is not None else None

    def previous(self, cell: str, node: str) -> str | None:
        """The key that a node had in the first version."""
        if self.first is None:
            return None
        number = self.first.graph.names.get((cell, self.renamed.get(node, node)))
        keyed = None if number is None else self.first.keys.get(number)
        return keyed.key if keyed is not None else None

    def seconds(self, node_type: str, scale: str, work: float) -> Seconds:
        """How long such work took here lately."""
        return self.session.rates.seconds(node_type, scale, work)


def reruns(before: Prepared | None, after: Prepared, name_of: Callable[[int], str]) -> tuple[Rerun, ...]:
    """The nodes of the second version with other results than any node of the first, in their order."""
    plan = after.plan
    old = {node.key for node in before.plan.nodes.values()} if before is not None else set()
    others = [
        number
        for number, node in plan.nodes.items()
        if node.status in {"cached", "not needed"} and node.key and node.key not in old
    ]
    running = [_rerun(plan.nodes[number], name_of(number), kept=False) for number in plan.order]
    return (*running, *(_rerun(plan.nodes[number], name_of(number), kept=True) for number in others))


def _rerun(node: PlannedNode, name: str, *, kept: bool) -> Rerun:
    reason = "kept from an earlier run" if node.status == "cached" else node.reason
    return Rerun(name, node.item.name, node.item.node.name, reason, None if kept else node.seconds, kept)
