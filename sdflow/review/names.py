"""Names of nodes across two versions of a recipe."""

from collections.abc import Mapping

from sdflow.graph.build import Graph
from sdflow.review.fields import said


def called(graph: Graph) -> Mapping[int, str]:
    """What to call each node: its name in the recipe, with its cell where it stands in some cells only."""
    cells: dict[int, dict[str, list[str]]] = {}
    for (cell, name), number in graph.names.items():
        cells.setdefault(number, {}).setdefault(name, []).append(cell)
    whole = len({cell for cell, _ in graph.names})
    found: dict[int, str] = {}
    for item in graph.nodes:
        names = cells.get(item.id) or {item.origins[0].name: [item.origins[0].cell]}
        name, labels = next(iter(names.items()))
        found[item.id] = name if len(labels) == whole or not labels[0] else f"{name} [{labels[0]}]"
    return found


def pairs(old: Graph, new: Graph) -> dict[str, str]:
    """New name → old name of nodes that were renamed.

    A node that is gone and one that is new are the same when they are of one type and say the same, wires aside; or,
    after that, when they are the only ones of their type.
    """
    gone = [name for name in old.node_names() if name not in new.node_names()]
    come = [name for name in new.node_names() if name not in old.node_names()]
    found: dict[str, str] = {}
    for name in come:
        match = next((was for was in gone if _plain(old, was) == _plain(new, name)), None)
        if match is not None:
            found[name] = match
            gone.remove(match)
    left = [name for name in come if name not in found]
    for name in left:
        kind = _type(new, name)
        alike = [was for was in gone if _type(old, was) == kind]
        if len(alike) == 1 and sum(_type(new, other) == kind for other in left) == 1:
            found[name] = alike[0]
    return found


def _plain(graph: Graph, name: str) -> tuple[object, ...]:
    """What a node says without its wires, in its first cell."""
    number = graph.named(name)[0]
    item = graph.nodes[number]
    fields = said(item, graph, item.origins[0].cell)
    own = {
        key: value for key, value in fields.items() if not (isinstance(value, str) and value.startswith("$"))
    }
    return item.node.name, tuple(sorted((key, repr(value)) for key, value in own.items()))


def _type(graph: Graph, name: str) -> str:
    return graph.nodes[graph.named(name)[0]].node.name
