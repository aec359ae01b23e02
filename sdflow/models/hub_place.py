"""Which hub, which cache, and whether the network may be used."""

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HubPlace:
    """A hub and its local cache.

    `listings` is where file listings of commits are kept (commits never change).
    `token` None means the one that the user is logged in with, if any.
    """

    cache: Path
    endpoint: str
    offline: bool
    listings: Path
    token: str | None = None

    @classmethod
    def of_environment(cls, cache_root: Path, *, offline: bool | None = None) -> "HubPlace":
        """As `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` say; `offline` overrides the last."""
        from huggingface_hub import constants  # light: the package imports the rest on demand

        place = cls(
            Path(constants.HF_HUB_CACHE),
            constants.ENDPOINT,
            constants.HF_HUB_OFFLINE,
            cache_root / "hub-listings",
        )
        return place if offline is None else replace(place, offline=offline)

    def repo_folder(self, repo: str) -> Path:
        """The folder of a model repository in the cache."""
        return self.cache / "--".join(("models", *repo.split("/")))

    def snapshot(self, repo: str, commit: str) -> Path:
        """The folder in which the files of one commit are found by name."""
        return self.repo_folder(repo) / "snapshots" / commit

    def cached_repos(self) -> tuple[str, ...]:
        """The model repositories in the cache."""
        found = sorted(it.name for it in self.cache.glob("models--*--*"))
        return tuple(name.removeprefix("models--").replace("--", "/", 1) for name in found)
