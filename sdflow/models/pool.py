"""The pool: components as loaded modules, kept resident within a budget of bytes.

A component is loaded once, whatever lies on it: LoRAs are loaded beside it and laid on while it is used.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sdflow.collector import collector_paused
from sdflow.device import Device
from sdflow.models.residency import Held, let_go, next_uses
from sdflow.models.resident import Resident
from sdflow.values import Adapter, Component


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """What the pool did with a component, or a LoRA for one, how many bytes it is, and how long that took.

    `loaded` from disk, `moved` from the device to host memory, `returned` from there, `dropped`.
    """

    kind: Literal["loaded", "moved", "returned", "dropped"]
    role: str
    digest: str
    size: int
    seconds: float


class Pool:
    """Loads a component when it is first used and keeps it while it is needed and there is room.

    Any thread may use it; loading is one at a time. Modules are in evaluation mode, without gradients, on the
    device, and must not be changed by their users. Who wants a component with other LoRAs than its present users
    waits for them.
    """

    def __init__(
        self,
        device: Device,
        *,
        budget_bytes: int | None = None,
        host_budget_bytes: int | None = 0,
        by_group: Callable[[Component], Literal["", "block", "leaf"]] = lambda _component: "",
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
            by_group: for a component whose weights stay in host memory and come to the device group by group in each
                call, what a group is; only for CUDA.
            on_event: told what is loaded, moved and dropped, with the pool locked: it must not use the pool.
            ensure: brings a component onto this disk; without it, all components must be here.
            check: raises when files are not what the description says; asked after they were read.
        """
        self._device = device
        self._budget = budget_bytes
        self._host_budget = host_budget_bytes if device.type == "cuda" else 0
        self._by_group = by_group
        self._on_event = on_event
        self._ensure = ensure
        self._checked = check or (lambda _component: None)
        self._lock = threading.RLock()
        self._released = threading.Condition(self._lock)
        self._here: dict[str, Resident] = {}
        self._waiting: dict[str, Resident] = {}
        self._needs: deque[frozenset[str]] = deque()
        self._clock = 0

    def plan(self, needs: Sequence[frozenset[str]]) -> None:
        """Say which pieces of components the coming nodes need, node by node in the order of running."""
        with self._lock:
            self._needs = deque(needs)

    def advance(self) -> None:
        """Say that the first of the planned nodes is done, or is left out."""
        with self._lock:
            if self._needs:
                self._needs.popleft()

    @contextmanager
    def use(self, component: Component) -> Iterator[Any]:
        """The module of a component with its LoRAs on it, resident until the context is left.

        Raises:
            NodeFailedError: it, or a LoRA, cannot be loaded.
            UserError: something has to be downloaded and cannot be.
        """
        entry = self._acquire(component)
        try:
            yield entry.module
        finally:
            self._release(entry)

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

    def _acquire(self, component: Component) -> Resident:
        thread = threading.get_ident()
        with self._lock:
            self._await_others(component, thread)
            entry = self._here.get(component.bare.digest) or self._bring(component)
            self._clock += 1
            entry.reserve(component.loras, thread, self._clock)
            try:
                for name, adapter in component.pieces_with(component.loras).items():
                    if name not in entry.loras:
                        self._load_lora(entry, name, adapter, component)
                entry.lay_on()
            except BaseException:
                self._release(entry)
                raise
            return entry

    def _await_others(self, component: Component, thread: int) -> None:
        """Wait until nobody uses the component with other LoRAs."""
        digest, loras = component.bare.digest, component.loras
        while (entry := self._here.get(digest)) is not None and entry.users and entry.worn != loras:
            if thread in entry.threads:
                raise RuntimeError("one node uses a component with different LoRAs at once")
            self._released.wait()

    def _release(self, entry: Resident) -> None:
        with self._lock:
            entry.release(threading.get_ident())
            self._released.notify_all()
            # What the very next node needs would be loaded again at once.
            self._shrink(0, self._needs[1] if len(self._needs) > 1 else frozenset())

    def _bring(self, component: Component) -> Resident:
        """The bare component, from host memory or from disk."""
        digest = component.bare.digest
        waiting = self._waiting.pop(digest, None)  # taken out first: making room may drop who waits
        self._shrink(component.bytes_as_loaded)
        entry = self._returned(waiting) if waiting else self._load(component.bare)
        self._here[digest] = entry
        return entry

    def _load(self, component: Component) -> Resident:
        if component.location.folder is None and self._ensure is not None:
            component = self._ensure(component)
        start = time.perf_counter()
        with collector_paused():
            from sdflow.models.load import load_component

            level = self._by_group(component) if self._device.type == "cuda" else ""
            module, size = load_component(component, "cpu" if level else str(self._device))
            if level:
                from sdflow.models.offload import offload_by_group

                offload_by_group(module, level, str(self._device))
                size = 0  # of the device
        self._checked(component)
        self._tell("loaded", component.role, component.digest, size, start)
        return Resident(component, module, size)

    def _load_lora(self, entry: Resident, name: str, adapter: Adapter, component: Component) -> None:
        if adapter.location.folder is None and self._ensure is not None:
            component = self._ensure(component)
            adapter = component.pieces_with(component.loras)[name]
        self._shrink(adapter.file.size)
        start = time.perf_counter()
        with collector_paused():
            from sdflow.models.load_lora import load_lora

            lora = load_lora(entry.module, component, adapter, str(self._device))
        self._checked(component)
        entry.loras[name] = lora
        self._tell("loaded", f"{component.role} LoRA", name, lora.size, start)

    def _returned(self, entry: Resident) -> Resident:
        start = time.perf_counter()
        entry.to(str(self._device))
        self._tell("returned", entry.component.role, entry.component.digest, entry.size, start)
        return entry

    def _shrink(self, room: int, staying: frozenset[str] = frozenset()) -> None:
        uses = next_uses(self._needs)
        held = [piece for entry in self._here.values() for piece in entry.held()]
        gone = [it for it in let_go(held, uses, self._budget, room) if it not in staying]
        for piece in gone:
            self._let_go(piece)
        if gone:
            waiting = [
                Held(digest, entry.size, 0, entry.last_used) for digest, entry in self._waiting.items()
            ]
            for digest in let_go(waiting, uses, self._host_budget):
                self._drop(self._waiting, digest)
            self._return_memory()

    def _let_go(self, piece: str) -> None:
        """Of a component: to host memory where there is one, with its LoRAs; of a LoRA: drop it."""
        digest, _, lora = piece.partition("+")
        entry = self._here.get(digest)
        if entry is None:
            return  # a LoRA that has gone with its component
        start = time.perf_counter()
        if lora:
            size = entry.loras.pop(piece).size
            self._tell("dropped", f"{entry.component.role} LoRA", piece, size, start)
        elif self._host_budget == 0 or not entry.size:
            self._drop(self._here, digest)
        else:
            self._waiting[digest] = self._here.pop(digest)
            entry.to("cpu")
            self._tell("moved", entry.component.role, digest, entry.size, start)

    def _drop(self, entries: dict[str, Resident], digest: str) -> None:
        start = time.perf_counter()
        entry = entries.pop(digest)
        size = entry.size
        entry.module = None
        entry.loras.clear()
        self._tell("dropped", entry.component.role, digest, size, start)

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
        role: str,
        digest: str,
        size: int,
        start: float,
    ) -> None:
        if self._on_event is not None:
            self._on_event(PoolEvent(kind, role, digest, size, time.perf_counter() - start))
