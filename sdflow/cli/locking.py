"""The text of a recipe's lock, as it is to be now."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from sdflow.composing import compose_file
from sdflow.graph.build import Graph
from sdflow.graph.facts import FileNeed
from sdflow.graph.infer import infer
from sdflow.locking.lock import Lock, Place, beside
from sdflow.locking.make import lock_of
from sdflow.locking.pins import Pins, read_lock
from sdflow.locking.places import Request, place_name, places_of
from sdflow.locking.text import lock_text
from sdflow.models.context import Context
from sdflow.models.hub_open import latest_commit
from sdflow.models.refused import Refused
from sdflow.models.request import AdapterRequest, PartRequest
from sdflow.models.source import parse_source
from sdflow.models.source_kinds import HubSource
from sdflow.problems import UserError, nearest, problem
from sdflow.recipe import Changes
from sdflow.resolve.facts import resolve
from sdflow.workflow import Session


def locked_text(session: Session, recipe: Path, upgrade: Sequence[str]) -> tuple[Path, str]:
    """Where the lock of a recipe is, and what is to stand in it.

    `upgrade` names the nodes whose models may move to other commits than those of the present lock.

    Raises:
        UserError: everything that is wrong with the recipe, its files, its models or its present lock.
    """
    composition = compose_file(recipe, Changes(), session.registry)
    graph = session.graph(composition)
    path = beside(composition)
    lock = read_lock(path) if path.is_file() else Lock()
    moved = _latest(_places(graph, upgrade), session.describer.context(composition.base))
    pins = Pins(replace(lock, places={**lock.places, **moved}), path.name)
    facts = resolve(graph, session.describer.resolver(composition.base, pins.pinned), session.device)
    infer(graph, facts)
    return path, lock_text(lock_of(graph, facts, composition.uses))


def _places(graph: Graph, nodes: Sequence[str]) -> dict[str, PartRequest | AdapterRequest]:
    """The places that the models of some nodes come from, by their names; of all nodes for `all`."""
    numbers = (
        range(len(graph.nodes)) if "all" in nodes else [n for name in nodes for n in _named(graph, name)]
    )
    return {
        place_name(place): place
        for number in numbers
        for need in graph.nodes[number].node.needs()
        if not isinstance(need, FileNeed)
        for _, place in places_of(cast("Request", need.request))
    }


def _latest(places: Mapping[str, PartRequest | AdapterRequest], context: Context) -> dict[str, Place]:
    """What the hub has today at those of the places that are on it.

    Raises:
        UserError: the hub cannot be asked.
    """
    found: dict[str, Place] = {}
    for name, place in places.items():
        try:
            source = parse_source(place.source, context.base)
            if isinstance(source, HubSource):
                found[name] = Place(latest_commit(source.repo, place.revision, context))
        except Refused as error:
            raise UserError(error.problem) from error
    return found


def _named(graph: Graph, name: str) -> tuple[int, ...]:
    found = graph.named(name)
    if not found:
        raise _no_node(graph, name)
    return found


def _no_node(graph: Graph, name: str) -> UserError:
    near = nearest(name, (*graph.node_names(), "all"))
    hint = f"did you mean {near}?" if near else "nodes: " + ", ".join(graph.node_names())
    return problem("SDF206", f"there is no node {name}", hint=hint)
