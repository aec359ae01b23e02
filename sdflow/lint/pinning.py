"""Models that may be other ones tomorrow."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from sdflow.graph.build import GraphNode
from sdflow.graph.facts import AdapterNeed, ComponentNeed, ModelNeed
from sdflow.lint.subject import Subject, finding
from sdflow.models.refused import Refused
from sdflow.models.request import ComponentRequest, ModelRequest, PartRequest
from sdflow.models.source import parse_source
from sdflow.models.source_kinds import HubSource
from sdflow.problems import Problem
from sdflow.values import Loadable

_COMMIT = re.compile(r"[0-9a-f]{40}")


def unpinned(subject: Subject) -> Iterator[Problem]:
    """SDF804: a repository of the hub without a commit, whose owner can change what it holds."""
    for item in subject.graph.nodes:
        for path, part in _requests(item):
            source = _hub_source(part, subject.base)
            revision = (part.revision or source.revision) if source is not None else None
            if source is None or part.sha256 is not None or _COMMIT.fullmatch(revision or ""):
                continue
            message = f"`{source.repo}` is whatever `{revision or 'main'}` is on the hub that day"
            commit = _commit(subject, item, source.repo)
            hint = f"Now it is `revision: {commit}`." if commit else "Pin it: `revision:` and a commit."
            yield finding(item, path, "SDF804", message, hint)


def _requests(item: GraphNode) -> Iterator[tuple[tuple[str, ...], PartRequest]]:
    for need in item.node.needs():
        if isinstance(need, ModelNeed):
            request = cast("ModelRequest", need.request)
            if request.base is not None:
                yield ("source",), request.base
            yield from (((role.replace("_", "-"),), part) for role, part in request.parts.items())
        elif isinstance(need, ComponentNeed):
            component = cast("ComponentRequest", need.request)
            yield ((component.field.replace("_", "-"),) if component.field else ("source",)), component.place
        elif isinstance(need, AdapterNeed):
            adapter = need.request
            fields = {name: getattr(adapter, name, None) for name in ("revision", "file", "sha256")}
            yield ("source",), PartRequest(str(getattr(adapter, "source", "")), **fields)


def _hub_source(part: PartRequest, base: Path) -> HubSource | None:
    try:
        source = parse_source(part.source, base)
    except Refused:
        return None
    return source if isinstance(source, HubSource) else None


def _commit(subject: Subject, item: GraphNode, repo: str) -> str | None:
    """The commit that is meant today, where it is known."""
    for value in subject.inferred.get(item.id, {}).values():
        if isinstance(value, Loadable):
            for part in value.components.values():
                if part.location.repo == repo and part.location.revision:
                    return part.location.revision
    return None
