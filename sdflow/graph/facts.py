"""What planning may know of the world: facts that were read beforehand, never the files themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sdflow.device import Device
from sdflow.prompts.vocabulary import Vocabulary
from sdflow.values import AdapterFacts, Component, LatentSpec, Model


@dataclass(frozen=True, slots=True)
class FileFacts:
    """An input file: where it is, the sha256 of its bytes (`sha256:…`), and its picture's size where it is one.

    `latent` is what it holds where it is a latent's.
    """

    path: Path
    digest: str
    size: int
    width: int = 0
    height: int = 0
    channels: int = 0
    depth: int = 8
    latent: LatentSpec | None = None


@dataclass(frozen=True, slots=True)
class FileNeed:
    """A node reads this file; `field` is where the recipe names it."""

    field: tuple[str | int, ...]
    path: str
    content: str


@dataclass(frozen=True, slots=True)
class ModelNeed:
    """A node describes this model; `request` is understood by the models room alone, `token` is its name here."""

    token: str
    request: object


@dataclass(frozen=True, slots=True)
class AdapterNeed:
    """A node lays this file on a model; `request` is understood by the models room alone, `token` is its name here."""

    token: str
    request: object


@dataclass(frozen=True, slots=True)
class ComponentNeed:
    """A node describes this component, which is no part of a model; `request` is understood by the models room alone.

    `token` is its name here.
    """

    token: str
    request: object


class Facts(Protocol):
    """Answers to the needs of a graph's nodes."""

    @property
    def device(self) -> Device:
        """Where the plan will run."""

    def file(self, path: str) -> FileFacts:
        """Facts about a file that was named in the needs."""

    def model(self, token: str) -> Model:
        """The model of a request that was named in the needs, by its token."""

    def adapter(self, token: str) -> AdapterFacts:
        """The adapter file of a request that was named in the needs, by its token."""

    def component(self, token: str) -> Component:
        """The component of a request that was named in the needs, by its token."""

    def vocabulary(self, tokenizer: Component, added: tuple[str, ...] = ()) -> Vocabulary:
        """The tokens of texts, found without transformers; `added` are words that textual inversions add."""
