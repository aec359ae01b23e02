"""The node types that a program knows. A plain object, handed around; nothing registers itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points

from sdflow.graph.node import Node
from sdflow.problems import nearest, problem

ENTRY_POINT_GROUP = "sdflow.nodes"


class Registry:
    """Node types by name: `types`, and before them those that are `named` and loaded only when they are asked for."""

    def __init__(
        self, types: Iterable[type[Node]], *, named: Mapping[str, Callable[[], type[Node]]] | None = None
    ) -> None:
        self._types: dict[str, Callable[[], type[Node]]] = dict(named or {})
        for node_type in types:
            other = self._types.setdefault(node_type.name, partial(_itself, node_type))()
            if other is not node_type:
                raise ValueError(f"two node types are called {node_type.name}: {other!r} and {node_type!r}")

    def __iter__(self) -> Iterator[type[Node]]:
        return (load() for load in self._types.values())

    def get(self, name: str) -> type[Node] | None:
        """The node type of a name."""
        load = self._types.get(name)
        return None if load is None else load()

    def nearest(self, name: str) -> str | None:
        """The most similar known name."""
        return nearest(name, self._types)


def _itself(node_type: type[Node]) -> type[Node]:
    return node_type


def third_party_types() -> list[type[Node]]:
    """Node types that installed packages offer under the entry point group `sdflow.nodes`.

    Raises:
        UserError: an entry point cannot be loaded, or is something else than a node type.
    """
    return [_loaded(entry) for entry in entry_points(group=ENTRY_POINT_GROUP)]


def _loaded(entry: EntryPoint) -> type[Node]:
    package = f" (of {entry.dist.name})" if entry.dist else ""
    try:
        node_type = entry.load()
    except Exception as error:
        message = f"entry point {entry.name}{package} cannot be loaded: {type(error).__name__}: {error}"
        raise problem("SDF216", message, hint="update or uninstall that package") from error
    if not (isinstance(node_type, type) and issubclass(node_type, Node) and node_type.name):
        message = f"entry point {entry.name}{package} of {ENTRY_POINT_GROUP} is not a node type"
        raise problem("SDF216", message, hint="update or uninstall that package")
    return node_type
