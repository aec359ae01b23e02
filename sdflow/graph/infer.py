"""Kinds and shapes of everything in a graph, before anything is computed."""

from collections.abc import Callable, Mapping
from typing import Any

from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.facts import Facts
from sdflow.graph.node import PlannedValue, Refusal, input_fields
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
    inputs: dict[str, Any] = dict.fromkeys(input_fields(type(item.node)))
    for path, wire in item.inputs:
        value = value_of(wire.node, wire.port)
        if len(path) == 1:
            inputs[str(path[0])] = value
        else:
            inputs[str(path[0])] = (*(inputs[str(path[0])] or ()), value)
    return inputs


def refused(item: GraphNode, refusal: Refusal) -> Problem:
    """A refusal as a problem at its field in the recipe."""
    origin = item.origins[0]
    path = () if refusal.field is None else (refusal.field.rstrip("_").replace("_", "-"),)
    return Problem(refusal.code, str(refusal), origin.at(path), origin.name, refusal.hint)
