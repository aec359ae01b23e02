"""What differs between a node as it is now and an earlier result, told at the ancestor where it arises.

A key says that something is another one; its preimage names the keys of what feeds the node. Following those on both
sides, now through the plan and then through the records, leads to the fields, files and models that differ.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from sdflow.composition import Json
from sdflow.graph.part import kebab
from sdflow.graph.plan import Plan
from sdflow.values import digest_of_json

Preimage: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another one now: at which node, which field or part of it, then and now.

    `through` are the nodes on the way from it to the one that is asked about, that one included. None is what was not
    there. `otherwise_made` says that it is no value that differs but what the node is, or what feeds it.
    """

    node: str
    what: str
    before: Json
    now: Json
    through: tuple[str, ...] = ()
    otherwise_made: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A node of the plan beside a key and what that was made of; fields in `without` do not count."""

    number: int
    key: str
    then: Preimage
    through: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Compares nodes of a plan with records.

    `preimage_of` gives what a key was made of and `way_of` what a trajectory was, while a record says so.
    """

    plan: Plan
    preimage_of: Callable[[str], Preimage | None]
    way_of: Callable[[str], Preimage | None]
    _parsed: dict[int, Preimage] = field(default_factory=dict)

    def differences(self, number: int, before: str) -> tuple[Difference, ...]:
        """What differs between a node of the plan and a record's key; each once, by the shortest way to it."""
        then = self.preimage_of(before)
        waiting = deque([] if then is None else [_Place(number, before, then)])
        seen: set[tuple[int, str]] = set()
        found: dict[tuple[str, str, str], Difference] = {}
        while waiting:
            place = waiting.popleft()
            for it in self._compared(place):
                if isinstance(it, Difference):
                    found.setdefault((it.node, it.what, repr((it.before, it.now))), it)
                elif (it.number, it.key) not in seen:
                    seen.add((it.number, it.key))
                    waiting.append(it)
        return tuple(found.values())

    def _compared(self, place: _Place) -> Iterator["Difference | _Place"]:
        """What differs at a node itself, and the nodes that feed it where those differ."""
        item, then = self.plan.graph.nodes[place.number], place.then
        now, name = self._now(place.number), item.origins[0].name
        if then.get("node") != now["node"]:
            yield Difference(name, "type", then.get("node"), now["node"], place.through, otherwise_made=True)
            return
        for part in ("version", "fields", "files", "numerics"):
            for what, old, new in changed(then.get(part), now.get(part)):
                if what not in place.without:
                    yield Difference(name, what or part, old, new, place.through)
        sources = {".".join(map(str, path)).replace("_", "-"): wire.node for path, wire in item.inputs}
        fed, was = (cast("Mapping[str, Json]", it.get("inputs") or {}) for it in (now, then))
        for at in dict.fromkeys((*fed, *was)):
            if fed.get(at) != was.get(at):
                yield from self._of_input(place, at, sources.get(at), was.get(at), fed.get(at))

    def _of_input(
        self, place: _Place, at: str, source: int | None, was: Json, now: Json
    ) -> Iterator["Difference | _Place"]:
        name = self._name(place.number)
        if (
            source is None
            or not isinstance(was, dict)
            or not isinstance(now, dict)
            or was.keys() != now.keys()
        ):
            feeding = None if source is None else self._name(source)
            before = None if was is None else "another input"
            yield Difference(name, at, before, feeding, place.through, otherwise_made=True)
            return
        beyond = (name, *place.through)
        if "model" in now:
            for what, old, new in changed(was["model"], now["model"]):
                yield Difference(self._name(source), what, old, new, beyond)
            return
        for detail in ("port", "states"):
            if was.get(detail) != now.get(detail):
                yield Difference(name, f"{at} {detail}", was.get(detail), now.get(detail), place.through)
        link = "trajectory" if "trajectory" in now else "key"
        if was[link] != now[link]:
            yield self._upstream(source, link, str(was[link]), beyond)

    def _upstream(self, source: int, link: str, was: str, beyond: tuple[str, ...]) -> "Difference | _Place":
        """The node that feeds an input; where its earlier side is not known any more, that."""
        then = self.preimage_of(was) if link == "key" else self.way_of(was)
        if then is None:
            gone = "a result that is not known any more"
            return Difference(self._name(source), "all of it", gone, None, beyond, otherwise_made=True)
        open_ended = self.plan.graph.nodes[source].node.open_ended if link == "trajectory" else ()
        return _Place(source, was, then, beyond, frozenset(map(kebab, open_ended)))

    def _now(self, number: int) -> Preimage:
        """What a node is made of now; parsed once."""
        if number not in self._parsed:
            self._parsed[number] = self.plan.keys[number].preimage
        return self._parsed[number]

    def _name(self, number: int) -> str:
        return self.plan.graph.nodes[number].origins[0].name


def way_of(preimage: Preimage, open_ended: frozenset[str]) -> str:
    """The trajectory of a node's preimage: its digest without the fields that only say where it ends."""
    fields = cast("Mapping[str, Json]", preimage["fields"])
    ends = {kebab(name) for name in open_ended}
    kept = {name: value for name, value in fields.items() if name not in ends}
    return digest_of_json({**preimage, "fields": kept, "trajectory": True})


def changed(before: Json, now: Json, path: str = "") -> Iterator[tuple[str, Json, Json]]:
    """Path, value then and value now of all plain values in two mappings that differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*now, *before)):
            if before.get(key) != now.get(key):
                yield from changed(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    elif before != now:
        yield path, before, now
