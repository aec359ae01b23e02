"""A file on the web, as it is known before it is here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file at an address: its name here, its `sha256:…`, and its bytes where somebody told them."""

    url: str
    name: str
    digest: str
    size: int | None = None
