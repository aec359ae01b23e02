"""Where downloads and what is remembered of the web lie, and how Civitai is reached."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CIVITAI = "https://civitai.com"


@dataclass(frozen=True, slots=True)
class WebPlace:
    """The folders of downloads and notes, whether the network may be used, and Civitai's address and token."""

    downloads: Path
    notes: Path
    offline: bool
    civitai: str = CIVITAI
    civitai_token: str | None = None

    @classmethod
    def of_environment(
        cls, cache_root: Path, *, offline: bool, environ: Mapping[str, str] | None = None
    ) -> "WebPlace":
        """As `CIVITAI_API_TOKEN` and `CIVITAI_ENDPOINT` (a mirror) say."""
        environ = os.environ if environ is None else environ
        return cls(
            cache_root / "downloads",
            cache_root / "web-notes",
            offline,
            environ.get("CIVITAI_ENDPOINT", "").rstrip("/") or CIVITAI,
            environ.get("CIVITAI_API_TOKEN", "").strip() or None,
        )

    def headers(self, url: str) -> dict[str, str]:
        """What a request to `url` proves itself with: the token goes to Civitai alone."""
        if self.civitai_token and _origin(url) == _origin(self.civitai):
            return {"Authorization": f"Bearer {self.civitai_token}"}
        return {}

    def folder(self, digest: str) -> Path:
        """The folder of the file with a digest (`sha256:…`)."""
        algorithm, _, number = digest.partition(":")
        return self.downloads / algorithm / number[:2] / number


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
