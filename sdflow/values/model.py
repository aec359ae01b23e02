"""A model, and what else is loaded, as plain data: what each component is, and where its bytes are.

Descriptions go into keys, locations never do: the same bytes under another path are the same model.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

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
    then `repo`, `revision` (a commit) and `subfolder` say what to fetch, or `url` does.
    """

    source: str
    folder: Path | None = None
    repo: str | None = None
    revision: str | None = None
    subfolder: str = ""
    download_bytes: int = 0
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """What is laid on a component without changing its weights, in order: a LoRA or its kin, or an embedding.

    A LoRA counts with `weight`; an embedding (textual inversion) adds the word `token` to a tokenizer and its
    text encoder. `vectors` is how many places of the prompt that word takes.
    """

    kind: Literal["lora", "embedding"]
    file: WeightFile
    location: Location = field(compare=False)
    weight: float = 1.0
    token: str = ""
    vectors: int = 0

    def description(self) -> dict[str, Json]:
        """What a result depends on."""
        if self.kind == "embedding":
            return {"embedding": self.file.digest, "token": self.token}
        return {"lora": self.file.digest, "weight": self.weight}


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a model: tokenizer, text encoder, UNet, VAE or scheduler.

    `library` and `class_name` are those of `model_index.json`; `config` is the parsed configuration without
    the fields that change nothing (versions, paths). `dtype` is what it is loaded as (`float32`, `float16`,
    `bfloat16`; empty for components without weights). `parameters` and `bytes_as_loaded` come from the
    headers of the weight files. `part` names what is taken from a file that holds more than this component.
    `adapters` lie on the component in their order. `prepared` says what is done to the module once it is loaded, of
    what can move bits: `fused-qkv`, `channels-last`, `int8-weights`, `float8-storage`, `compiled`.
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
    part: str = ""
    adapters: tuple[Adapter, ...] = ()
    prepared: tuple[str, ...] = ()

    def description(self) -> dict[str, Json]:
        """What a result depends on: class, configuration, bytes of the weights, precision, adapters."""
        described: dict[str, Json] = {
            "class": f"{self.library}.{self.class_name}",
            "config": digest_of_json(dict(self.config)),
            "files": [file.digest for file in self.files],
            "dtype": self.dtype,
        }
        if self.part:
            described["part"] = self.part
        if self.adapters:
            described["adapters"] = [adapter.description() for adapter in self.adapters]
        if self.prepared:
            described["prepared"] = list(self.prepared)
        return described

    @property
    def digest(self) -> str:
        """Digest of the description."""
        return digest_of_json(self.description())

    @property
    def bare(self) -> "Component":
        """The component without adapters; its digest is what the pool knows the loaded weights by."""
        return replace(self, adapters=()) if self.adapters else self

    @property
    def loras(self) -> tuple[Adapter, ...]:
        """The LoRAs on it, in their order."""
        return tuple(adapter for adapter in self.adapters if adapter.kind == "lora")

    @property
    def pieces(self) -> Mapping[str, int]:
        """What a pool holds to give it, and the bytes of each: the bare component, and each LoRA for it."""
        names = self.pieces_with(self.loras)
        return {self.bare.digest: self.bytes_as_loaded, **{name: it.file.size for name, it in names.items()}}

    def pieces_with(self, loras: tuple[Adapter, ...]) -> Mapping[str, Adapter]:
        """LoRAs by the names that they have as pieces of this component: weights are not loaded anew."""
        bare = self.bare.digest if loras else ""
        return {f"{bare}+{adapter.file.digest}": adapter for adapter in loras}


@dataclass(frozen=True, slots=True)
class Loadable:
    """What flows along a wire as plain data and is loaded where it is used: components by role.

    Computed while planning and never stored. Roles are the same everywhere, so that a node with inputs of several
    kinds says in `components` and `described` once which roles it uses; what has none of them is left out.
    """

    kind: ClassVar[str] = ""

    components: Mapping[str, Component]

    def describe(self, roles: Iterable[str]) -> dict[str, Json]:
        """Descriptions of some components, for a key."""
        return {
            role: self.components[role].description() for role in sorted(roles) if role in self.components
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Loadable):
    """A model of Stable Diffusion: its family and its components.

    `family` is `sd1`, `sd2`, `sdxl` or `sdxl-refiner`. `traits` are facts of `model_index.json` about the whole that
    change results, such as `force_zeros_for_empty_prompt`; a node that heeds one has it in its key (`described`).
    """

    kind: ClassVar[str] = "Model"

    family: str
    space: LatentSpace
    native_size: tuple[int, int]
    traits: Mapping[str, Json] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.family} model"

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
