"""Kinds and shapes of everything in a graph, before anything is computed."""

from collections.abc import Callable, Mapping
from typing import Any

from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.facts import Facts
from sdflow.graph.field_kinds import Path, wired_fields
from sdflow.graph.node import PlannedValue, Refusal
from sdflow.graph.part import Given, Part, kebab
from sdflow.graph.wire import Wire
from sdflow.problems import Problem, UserError

Inferred = dict[int, Mapping[str, PlannedValue]]


def infer(graph: Graph, facts: Facts) -> Inferred:
    """What comes out of every node.

    Raises:
        UserError: every refusal, at the field that it is about.
    """
    found: Inferred = {}
    problems: dict[Problem, None] = {}
    for item in graph.nodes:
        if any(wire.node not in found for _, wire in item.inputs):
            continue
        try:
            found[item.id] = item.node.infer(facts, **planned_inputs(item, found))
        except Refusal as refusal:
            problems[refused(item, refusal)] = None
        except UserError as error:
            origin = item.origins[0]
            problems.update(dict.fromkeys(p.placed(origin.at(()), origin.name) for p in error.problems))
    if problems:
        raise UserError(*problems)
    return found


def planned_inputs(item: GraphNode, found: Inferred) -> dict[str, Any]:
    """The planned values on a node's inputs, by field, as `infer` and `cost` take them."""
    return gather(item, lambda node, port: found[node][port])


def gather(item: GraphNode, value_of: Callable[[int, str], Any]) -> dict[str, Any]:
    """Collect what is on a node's inputs: single values as they are, lists as tuples, absent ones as None."""
    wires = dict(item.inputs)

    def filled(path: Path, value: object) -> Any:
        if isinstance(value, Wire):
            wire = wires[path]  # which may lead elsewhere than the node's own: equal nodes are one
            return value_of(wire.node, wire.port)
        if isinstance(value, tuple):
            return tuple(filled((*path, index), it) for index, it in enumerate(value))
        if isinstance(value, Part):
            fields = wired_fields(type(value))
            return Given(value, {name: filled((*path, name), getattr(value, name)) for name in fields})
        return value

    return {name: filled((name,), getattr(item.node, name)) for name in wired_fields(type(item.node))}


def refused(item: GraphNode, refusal: Refusal) -> Problem:
    """A refusal as a problem at its field in the recipe."""
    origin, field = item.origins[0], refusal.field
    path = () if field is None else (field,) if isinstance(field, str) else field
    written = tuple(kebab(it) if isinstance(it, str) else it for it in path)
    return Problem(refusal.code, str(refusal), origin.at(written), origin.name, refusal.hint)
