"""What a running node sees of the engine."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

from sdflow.device import Device
from sdflow.graph.facts import Facts
from sdflow.graph.node import States
from sdflow.values import Component, Loadable


class InterruptedRunError(Exception):
    """The user asked to stop; what is finished is kept."""


class InputChangedError(Exception):
    """A file was not any more what the plan had found, when it was read. What was made of it must not be kept."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} changed while it was in use; everything that depends on it is planned again"
        )


class ComponentPool(Protocol):
    """Where loaded components come from."""

    def use(self, component: Component) -> AbstractContextManager[Any]:
        """A component as a module, resident while the context is open."""

    def clear(self) -> None:
        """Drop everything that is not in use."""

    def plan(self, needs: Sequence[frozenset[str]]) -> None:
        """Say which pieces of components the coming nodes need, node by node."""

    def advance(self) -> None:
        """Say that the first of the planned nodes is done."""


@dataclass(slots=True)
class Running:
    """The context of one run of one node (`sdflow.graph.node.RunContext`)."""

    device: Device
    facts: Facts
    pool: Callable[[], ComponentPool]
    stop: Event
    on_progress: Callable[[int, int], None]
    states: States

    def module(self, model: Loadable, role: str) -> AbstractContextManager[Any]:
        """A component as a loaded module, resident while the context is open."""
        return self.pool().use(model.components[role])

    def file(self, path: str) -> str:
        """The absolute path of an input file."""
        return str(self.facts.file(path).path)

    def progress(self, done: int, total: int) -> None:
        """Say how far the node is, and stop here when the user wants to.

        Raises:
            InterruptedRunError: the user wants to stop.
        """
        self.on_progress(done, total)
        if self.stop.is_set():
            raise InterruptedRunError
