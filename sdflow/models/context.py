"""What every step of resolving a model needs to know."""

from dataclasses import dataclass
from pathlib import Path

from sdflow.models.hub_place import HubPlace
from sdflow.models.tree import Memo
from sdflow.models.web.place import WebPlace


@dataclass(frozen=True, slots=True)
class Context:
    """Where relative paths start, how digests are remembered, which hub, and where built-in models go."""

    base: Path
    memo: Memo
    hub: HubPlace
    cache_root: Path

    @classmethod
    def of_environment(
        cls, base: Path, memo: Memo, cache_root: Path, *, offline: bool | None = None
    ) -> "Context":
        """With the hub as the environment tells of it; `offline` None: as `HF_HUB_OFFLINE` says."""
        return cls(base, memo, HubPlace.of_environment(cache_root, offline=offline), cache_root)

    @property
    def web(self) -> WebPlace:
        """Downloads, and how Civitai is reached."""
        return WebPlace.of_environment(self.cache_root, offline=self.hub.offline)
