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

    @property
    def web(self) -> WebPlace:
        """Downloads, and how Civitai is reached."""
        return WebPlace.of_environment(self.cache_root, offline=self.hub.offline)
