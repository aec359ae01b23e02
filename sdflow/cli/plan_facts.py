"""What a plan says beside its nodes: components to load and to download, models, seeds that were drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from sdflow.composition import Json
from sdflow.graph.infer import planned_inputs
from sdflow.graph.plan import Plan
from sdflow.values import Loadable
from sdflow.workflow import Prepared


@dataclass(frozen=True, slots=True)
class Load:
    """A component, or a LoRA for one, that is loaded, `times` when it does not stay resident."""

    role: str
    nbytes: int
    times: int


@dataclass(frozen=True, slots=True)
class Source:
    """Where components of a model come from: source and commit (empty for what is no hub repository)."""

    node: str
    source: str
    commit: str
    roles: tuple[str, ...]


def prompts(prepared: Prepared) -> list[tuple[str, Mapping[str, Json]]]:
    """Every prompt of a plan by its node: its field, tokens, chunks, and the words around the place where it is cut."""
    plan = prepared.plan
    found: list[tuple[str, Mapping[str, Json]]] = []
    for number in plan.nodes:
        item = plan.graph.nodes[number]
        notes = item.node.notes(prepared.facts, **planned_inputs(item, plan.inferred)).get("prompts", ())
        found += [
            (item.origins[0].name, cast("Mapping[str, Json]", note)) for note in cast("list[Json]", notes)
        ]
    return found


def loads(plan: Plan) -> list[Load]:
    """Components in the order of their first load."""
    known: dict[str, tuple[str, int]] = {}
    for number in plan.order:
        for part in plan.nodes[number].components:
            known |= {
                piece: (f"{part.role} LoRA" if "+" in piece else part.role, size)
                for piece, size in part.pieces.items()
            }
    times: dict[str, int] = {}
    for digest in plan.simulation.loads:
        times[digest] = times.get(digest, 0) + 1
    return [Load(*known[piece], count) for piece, count in times.items()]


@dataclass(frozen=True, slots=True)
class Download:
    """Bytes that a run fetches, for the components that are read from them; `commit` of a hub repository."""

    roles: tuple[str, ...]
    nbytes: int
    source: str
    commit: str

    def to_json(self) -> dict[str, Json]:
        """As `plan --json` says it."""
        return {
            "components": list(self.roles),
            "source": self.source,
            "commit": self.commit or None,
            "bytes": self.nbytes,
        }


def downloads(plan: Plan) -> list[Download]:
    """What is not here yet, each file once: a checkpoint holds several components."""
    found: dict[tuple[str, ...], Download] = {}
    for part in plan.downloads:
        wanted = [(part.role, part.location, tuple(file.digest for file in part.files))]
        wanted += [(it.kind, it.location, (it.file.digest,)) for it in part.adapters]
        for role, place, files in wanted:
            if place.folder is not None:
                continue
            known = found.get(files)
            roles = dict.fromkeys((*(known.roles if known else ()), role))
            source = place.repo or place.source.strip("`")
            found[files] = Download(tuple(roles), place.download_bytes, source, place.revision or "")
    return list(found.values())


def sources(plan: Plan) -> list[Source]:
    """Every place that the models of a plan come from, with what comes from there."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for number in plan.nodes:
        for value in plan.inferred.get(number, {}).values():
            if not isinstance(value, Loadable):
                continue
            item = plan.graph.nodes[number]
            given = [plan.inferred[wire.node][wire.port] for _, wire in item.inputs]
            known = {place for it in given if isinstance(it, Loadable) for _, place in _places(it)}
            for role, place in _places(value):
                if place not in known:
                    roles = found.setdefault((item.origins[0].name, *place), {})
                    roles[role] = None
    return [Source(*place, tuple(roles)) for place, roles in found.items()]


def _places(model: Loadable) -> Iterator[tuple[str, tuple[str, str]]]:
    """Roles with source and commit: of the components, and of what lies on them."""
    for role, part in model.components.items():
        for location in (part.location, *(adapter.location for adapter in part.adapters)):
            yield role, (location.source, location.revision or "")
