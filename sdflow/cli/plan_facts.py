"""What a plan says beside its nodes: components to load and to download, models, seeds that were drawn."""

from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.graph.plan import Plan
from sdflow.values import Component, Model


@dataclass(frozen=True, slots=True)
class Load:
    """A component that is loaded, `times` when it does not stay resident."""

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


def loads(plan: Plan) -> list[Load]:
    """Components in the order of their first load."""
    parts = {part.digest: part for number in plan.order for part in plan.nodes[number].components}
    times: dict[str, int] = {}
    for digest in plan.simulation.loads:
        times[digest] = times.get(digest, 0) + 1
    return [Load(parts[digest].role, parts[digest].bytes_as_loaded, count) for digest, count in times.items()]


def download_of(part: Component) -> dict[str, Json]:
    """What a download fetches."""
    place = part.location
    return {
        "component": part.role,
        "repo": place.repo or place.source,
        "commit": place.revision,
        "bytes": place.download_bytes,
    }


def sources(plan: Plan) -> list[Source]:
    """Every place that the models of a plan come from, with what comes from there."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for number in plan.nodes:
        for value in plan.inferred.get(number, {}).values():
            if not isinstance(value, Model):
                continue
            name = plan.graph.nodes[number].origins[0].name
            for role, part in value.components.items():
                place = (name, part.location.source, part.location.revision or "")
                roles = found.setdefault(place, [])
                if role not in roles:
                    roles.append(role)
    return [Source(*place, tuple(roles)) for place, roles in found.items()]
