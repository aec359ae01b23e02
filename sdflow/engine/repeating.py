"""Nodes that are computed twice: equal bits, or how far the two results are apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sdflow.composition import Json
from sdflow.engine.events import Listener, NodeDiffers, Warned
from sdflow.graph.build import GraphNode
from sdflow.store import Record, Store, digest_of
from sdflow.values import Encoded, RawTensor, StoredValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Deviation:
    """How two values on a port differ: so many numbers of so many, by at most `most`, as a number of their own type.

    `total` is 0 where they differ in something else than numbers, such as their shape; `most` is None then, too.
    """

    port: str
    numbers: int = 0
    total: int = 0
    most: float | None = None

    def __str__(self) -> str:
        if not self.total or self.most is None:
            return f"{self.port}: another shape or type"
        return f"{self.port}: {self.numbers:,} of {self.total:,} numbers, by at most {self.most:.3g}"


@dataclass(frozen=True, slots=True)
class Repeated:
    """A result that was computed again: digests of both times by port, and where they differ."""

    first: Mapping[str, str]
    second: Mapping[str, str]
    deviations: tuple[Deviation, ...]


@dataclass(slots=True)
class Repeats:
    """What comes of nodes that are computed twice in one run; the numbers of those that differ go into `differing`."""

    store: Store
    environment: Mapping[str, Json]
    listener: Listener
    differing: list[int]
    _other: set[int] = field(default_factory=set)

    def judge(
        self, item: GraphNode, key: str, first: Mapping[str, StoredValue], second: Mapping[str, StoredValue]
    ) -> tuple[Mapping[str, str], ...]:
        """Tell where two results of a node differ; the digests of the second, where they do.

        What is kept under its key counts as another time where it was made in the same surroundings.
        """
        found, before = compared(first, second), self.store.peek(key)
        differs = [(False, tuple(map(str, found.deviations)))] if found.deviations else []
        if before is not None and self._is_other(item, before, found):
            if before.environment == dict(self.environment):
                differs.append((True, ()))
            else:
                why = "it was made with other versions or elsewhere"
                self.listener(Warned(f"{item.name}: what was kept has other bits; {why}"))
        for kept, deviations in differs:
            self.listener(NodeDiffers(item.name, item.node.name, key, kept, deviations))
        self.differing += [item.id] if differs else []
        return (found.second,) if found.deviations else ()

    def _is_other(self, item: GraphNode, before: Record, found: Repeated) -> bool:
        """Whether a kept result is none of the two, although the node is fed with the same bits as then."""
        if before.digests != found.first:
            self._other.add(item.id)
        fed_otherwise = any(wire.node in self._other for _, wire in item.inputs)
        return before.digests not in (found.first, found.second) and not fed_otherwise


def compared(first: Mapping[str, StoredValue], second: Mapping[str, StoredValue]) -> Repeated:
    """Compare what a node gave twice, port by port and bit by bit."""
    one, two = ({port: value.encode() for port, value in it.items()} for it in (first, second))
    then, now = ({port: digest_of(value) for port, value in it.items()} for it in (one, two))
    differing = [port for port in dict.fromkeys((*one, *two)) if then.get(port) != now.get(port)]
    return Repeated(then, now, tuple(_deviation(port, one.get(port), two.get(port)) for port in differing))


def _deviation(port: str, one: Encoded | None, two: Encoded | None) -> Deviation:
    import numpy as np

    if one is None or two is None or _form(one) != _form(two):
        return Deviation(port)
    numbers, total, most = 0, 0, 0.0
    for left, right in _arrays(one, two):
        unequal = (left != right) & ~(np.isnan(left) & np.isnan(right))
        numbers += int(unequal.sum())
        total += left.size
        if unequal.any():
            most = max(most, float(abs(left[unequal] - right[unequal]).max()))
    return Deviation(port, numbers, total, most)


def _form(value: Encoded) -> object:
    """All of a value but its numbers."""
    return value.kind, value.skeleton, {name: (it.dtype, it.shape) for name, it in value.tensors.items()}


def _arrays(one: Encoded, two: Encoded) -> Iterator[tuple["NDArray[np.float64]", "NDArray[np.float64]"]]:
    for name, tensor in one.tensors.items():
        yield _numbers(tensor), _numbers(two.tensors[name])


def _numbers(tensor: RawTensor) -> "NDArray[np.float64]":
    """float64[numbers]: a tensor's numbers; exact but for integers beyond 2^53."""
    import numpy as np

    if tensor.dtype == "BF16":
        # The upper half of a float32: there is no bfloat16 in numpy.
        wide = np.frombuffer(tensor.data, np.uint16).astype(np.uint32) << 16
        return wide.view(np.float32).astype(np.float64)
    if tensor.dtype == "BOOL":
        return np.frombuffer(tensor.data, np.uint8).astype(np.float64)
    kinds = {"F": "f", "I": "i", "U": "u"}
    width = int(tensor.dtype[1:]) // 8
    return np.frombuffer(tensor.data, f"<{kinds[tensor.dtype[0]]}{width}").astype(np.float64)
