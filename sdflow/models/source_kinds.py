"""The kinds of places that a model, a part of one or an adapter can come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

WEIGHT_SUFFIXES = {".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx"}
"""Endings of files that hold weights, whether sdflow reads them or not."""


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository on the hub; an address that was copied may tell of a revision, a folder or a file in it."""

    repo: str
    revision: str | None = None
    subfolder: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder on this disk; it may not exist."""

    folder: Path


@dataclass(frozen=True, slots=True)
class FileSource:
    """A single file on this disk; it may not exist."""

    file: Path


@dataclass(frozen=True, slots=True)
class BuiltinSource:
    """A model that sdflow brings along."""

    name: str


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A single file on the web, at an address of https (or of http on this machine)."""

    url: str


@dataclass(frozen=True, slots=True)
class CivitaiSource:
    """A version of a model on Civitai, by its number."""

    version: int


Source: TypeAlias = HubSource | FolderSource | FileSource | BuiltinSource | UrlSource | CivitaiSource
