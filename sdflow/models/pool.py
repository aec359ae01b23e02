"""The pool: components as loaded modules, kept resident within a budget of bytes."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sdflow.device import Device
from sdflow.models.imports import quick_imports
from sdflow.models.residency import Held, let_go, next_uses
from sdflow.values import Component


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """What the pool did with a component, how many bytes it is, and how long that took.

    `loaded` from disk, `moved` from the device to host memory, `returned` from there, `dropped`.
    """

    kind: Literal["loaded", "moved", "returned", "dropped"]
    role: str
    digest: str
    size: int
    seconds: float


@dataclass(slots=True)
class _Entry:
    component: Component
    module: Any
    size: int
    users: int = 0
    last_used: int = 0

    def held(self) -> Held:
        return Held(self.component.digest, self.size, self.users, self.last_used)


class Pool:
    """Loads a component when it is first used and keeps it while it is needed and there is room.

    Any thread may use it; loading is one at a time. Modules are in evaluation mode, without gradients, on the
    device, and must not be changed by their users.
    """

    def __init__(
        self,
        device: Device,
        *,
        budget_bytes: int | None = None,
        host_budget_bytes: int | None = 0,
        on_event: Callable[[PoolEvent], None] | None = None,
        ensure: Callable[[Component], Component] | None = None,
        check: Callable[[Component], None] | None = None,
    ) -> None:
        """A pool for one device.

        Args:
            device: where modules live.
            budget_bytes: weights that may stay on the device together; None has no limit. A component that is
                larger by itself is loaded all the same.
            host_budget_bytes: weights that may wait in host memory when the device is full; only for CUDA.
            on_event: told what is loaded, moved and dropped, with the pool locked: it must not use the pool.
            ensure: brings a component onto this disk; without it, all components must be here.
            check: raises when a component's files are not what its description says; asked after they were read.
        """
        self._device = device
        self._budget = budget_bytes
        self._host_budget = host_budget_bytes if device.type == "cuda" else 0
        self._on_event = on_event
        self._ensure = ensure
        self._check = check
        self._lock = threading.RLock()
        self._here: dict[str, _Entry] = {}
        self._waiting: dict[str, _Entry] = {}
        self._needs: deque[frozenset[str]] = deque()
        self._clock = 0

    def plan(self, needs: Sequence[frozenset[str]]) -> None:
        """Say which component digests the coming nodes need, node by node in the order of running."""
        with self._lock:
            self._needs = deque(needs)

    def advance(self) -> None:
        """Say that the first of the planned nodes is done, or is left out."""
        with self._lock:
            if self._needs:
                self._needs.popleft()

    @contextmanager
    def use(self, component: Component) -> Iterator[Any]:
        """The module of a component, resident until the context is left.

        Raises:
            NodeFailedError: it cannot be loaded.
            UserError: it has to be downloaded and cannot be.
        """
        entry = self._acquire(component)
        try:
            yield entry.module
        finally:
            with self._lock:
                entry.users -= 1
                self._shrink(0)

    def clear(self) -> None:
        """Drop everything that is not in use, from the device and from host memory."""
        with self._lock:
            for entries in (self._here, self._waiting):
                for digest in [digest for digest, entry in entries.items() if not entry.users]:
                    self._drop(entries, digest)
            self._return_memory()

    @property
    def resident(self) -> frozenset[str]:
        """Digests of the components that are on the device."""
        with self._lock:
            return frozenset(self._here)

    @property
    def resident_bytes(self) -> int:
        """Bytes of the components that are on the device."""
        with self._lock:
            return sum(entry.size for entry in self._here.values())

    def _acquire(self, component: Component) -> _Entry:
        digest = component.digest
        with self._lock:
            entry = self._here.get(digest)
            if entry is None:
                waiting = self._waiting.pop(digest, None)  # taken out first: making room may drop who waits
                self._shrink(component.bytes_as_loaded)
                entry = self._returned(waiting) if waiting else self._load(component)
                self._here[digest] = entry
            self._clock += 1
            entry.users, entry.last_used = entry.users + 1, self._clock
            return entry

    def _load(self, component: Component) -> _Entry:
        if component.location.folder is None and self._ensure is not None:
            component = self._ensure(component)
        start = time.perf_counter()
        with quick_imports():
            from sdflow.models.load import load_component

            module, size = load_component(component, str(self._device))
        if self._check is not None:
            self._check(component)
        self._tell("loaded", component, size, start)
        return _Entry(component, module, size)

    def _returned(self, entry: _Entry) -> _Entry:
        start = time.perf_counter()
        entry.module.to(str(self._device))
        self._tell("returned", entry.component, entry.size, start)
        return entry

    def _shrink(self, room: int) -> None:
        uses = next_uses(self._needs)
        gone = let_go([entry.held() for entry in self._here.values()], uses, self._budget, room)
        for digest in gone:
            entry = self._here[digest]
            if self._host_budget == 0 or not entry.size:
                self._drop(self._here, digest)
                continue
            start = time.perf_counter()
            self._waiting[digest] = self._here.pop(digest)
            entry.module.to("cpu")
            self._tell("moved", entry.component, entry.size, start)
        if gone:
            waiting = [entry.held() for entry in self._waiting.values()]
            for digest in let_go(waiting, uses, self._host_budget):
                self._drop(self._waiting, digest)
            self._return_memory()

    def _drop(self, entries: dict[str, _Entry], digest: str) -> None:
        start = time.perf_counter()
        entry = entries.pop(digest)
        entry.module = None
        self._tell("dropped", entry.component, entry.size, start)

    def _return_memory(self) -> None:
        """Give back what the allocator holds in reserve, so that it can be seen as free."""
        if self._device.type == "cpu":
            return
        import torch

        if self._device.type == "cuda" and torch.cuda.is_available():
            torch.cuda.empty_cache()
        elif self._device.type == "mps" and torch.backends.mps.is_available():
            torch.mps.empty_cache()

    def _tell(
        self,
        kind: Literal["loaded", "moved", "returned", "dropped"],
        component: Component,
        size: int,
        start: float,
    ) -> None:
        if self._on_event is not None:
            seconds = time.perf_counter() - start
            self._on_event(PoolEvent(kind, component.role, component.digest, size, seconds))
