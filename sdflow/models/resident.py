"""A component that is loaded: its module, the LoRAs that can be laid on it, and who uses it with which of them."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sdflow.models.residency import Held
from sdflow.values import Adapter, Component

if TYPE_CHECKING:
    from sdflow.models.lora_layers import LoraLayers


@dataclass(slots=True)
class Resident:
    """A loaded component, bare, and the LoRAs that are loaded for it, by the names of `Component.pieces`.

    All users of a moment use it with the same LoRAs, `worn`; between uses it is bare.
    """

    component: Component
    module: Any
    bare_size: int
    loras: dict[str, "LoraLayers"] = field(default_factory=dict)
    worn: tuple[Adapter, ...] = ()
    threads: list[int] = field(default_factory=list)
    last_used: int = 0
    _times: dict[str, int] = field(default_factory=dict)
    _laid: ExitStack = field(default_factory=ExitStack)

    @property
    def users(self) -> int:
        """How many use it now."""
        return len(self.threads)

    @property
    def size(self) -> int:
        """Bytes of the module and of the LoRAs."""
        return self.bare_size + sum(lora.size for lora in self.loras.values())

    def held(self) -> Sequence[Held]:
        """What it holds, each for itself: room can be made of single LoRAs."""
        worn = set(self.component.pieces_with(self.worn))
        mine = Held(self.component.digest, self.bare_size, self.users, self.last_used)
        return (
            mine,
            *(
                Held(name, lora.size, self.users if name in worn else 0, self._times.get(name, 0))
                for name, lora in self.loras.items()
            ),
        )

    def reserve(self, worn: tuple[Adapter, ...], thread: int, time: int) -> None:
        """Count one more user, who uses it with these LoRAs; from now on none of it is let go of."""
        self.worn, self.last_used = worn, time
        self._times.update(dict.fromkeys(self.component.pieces_with(worn), time))
        self.threads.append(thread)

    def lay_on(self) -> None:
        """For the first of its users: lay the LoRAs on, in their order."""
        if self.users > 1 or not self.worn:
            return
        from sdflow.models.lora_layers import laid_on

        names = self.component.pieces_with(self.worn)
        pairs = [(self.loras[name], adapter.weight) for name, adapter in names.items()]
        self._laid.enter_context(laid_on(self.module, pairs))

    def release(self, thread: int) -> None:
        """One user less; after the last one it is bare."""
        self.threads.remove(thread)
        if not self.threads:
            self._laid.close()
            self.worn = ()

    def to(self, device: str) -> None:
        """Move all of it."""
        self.module.to(device)
        for lora in self.loras.values():
            lora.to(device)
