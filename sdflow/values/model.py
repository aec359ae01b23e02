"""A model as plain data: what each of its components is, and where its bytes are.

Descriptions go into keys, locations never do: the same bytes under another path are the same model.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from sdflow.composition import Json
from sdflow.values.spec import LatentSpace


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a component: its name, its digest with the algorithm named (`sha256:…`), its size in bytes."""

    name: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where a component's bytes are.

    `folder` is the component's own folder on this disk; None while a hub model is not downloaded yet, and
    then `repo`, `revision` (a commit) and `subfolder` say what to fetch. `config` is the file that the
    component's configuration was read from, where that is not `folder`.
    """

    source: str
    folder: Path | None = None
    repo: str | None = None
    revision: str | None = None
    subfolder: str = ""
    download_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a model: tokenizer, text encoder, UNet, VAE or scheduler.

    `library` and `class_name` are those of `model_index.json`; `config` is the parsed configuration without
    the fields that change nothing (versions, paths). `dtype` is what it is loaded as (`float32`, `float16`,
    `bfloat16`; empty for components without weights). `parameters` and `bytes_as_loaded` come from the
    headers of the weight files.
    """

    role: str
    library: str
    class_name: str
    config: Mapping[str, Json]
    files: tuple[WeightFile, ...]
    dtype: str
    parameters: int
    bytes_as_loaded: int
    location: Location = field(compare=False)

    def description(self) -> dict[str, Json]:
        """What a result depends on: class, configuration, bytes of the weights, precision."""
        return {
            "class": f"{self.library}.{self.class_name}",
            "config": digest_of_json(dict(self.config)),
            "files": [file.digest for file in self.files],
            "dtype": self.dtype,
        }

    @property
    def digest(self) -> str:
        """Digest of the description; what the pool knows a loaded component by."""
        return digest_of_json(self.description())


@dataclass(frozen=True, slots=True)
class Model:
    """A model: its family and its components by role. Computed while planning; never stored."""

    kind: ClassVar[str] = "Model"

    family: str
    components: Mapping[str, Component]
    space: LatentSpace
    native_size: tuple[int, int]

    def describe(self, roles: Iterable[str]) -> dict[str, Json]:
        """Descriptions of some components, for a key."""
        return {
            role: self.components[role].description() for role in sorted(roles) if role in self.components
        }

    def with_components(self, parts: Mapping[str, Component]) -> "Model":
        """The same model with some components exchanged."""
        return replace(self, components={**self.components, **parts})


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Json) -> bytes:
    """The one JSON text of a value: sorted keys, no spaces, UTF-8, no NaN."""
    return _CANONICAL.encode(value).encode()


def digest_of_json(value: Json) -> str:
    """`sha256` of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
