"""When two nodes are written alike: the same type, and in every field the same value of the same kind.

To Python `1 == True == 1.0`; in a key they are three values, so that they must not become one node.
"""

from collections.abc import Hashable, Mapping

from pydantic import BaseModel

from sdflow.graph.wire import Wire


def identity(value: object) -> Hashable:
    """What is equal for nodes, and values of fields, that have one canonical JSON text and the same wires.

    Files and fields outside the key count too.
    """
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind is int or kind is bool or kind is Wire:  # nearly all there are
        return kind, value
    if isinstance(value, float):
        return float, value + 0.0  # -0.0 is 0.0, as in a key
    if isinstance(value, tuple | list):
        return tuple, *map(identity, value)
    if isinstance(value, BaseModel):
        return kind, *[identity(getattr(value, name)) for name in type(value).model_fields]
    if isinstance(value, Mapping):
        return dict, frozenset((str(key), identity(item)) for key, item in value.items())
    try:
        hash(value)
    except TypeError:
        return kind, repr(value)
    return kind, value
