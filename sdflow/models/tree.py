"""A model's files, wherever they are: what the rest of this room reads through."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import TensorInfo, read_header
from sdflow.values import Location

Memo: TypeAlias = Callable[[Path], str]
"""The sha256 of a file, remembered from earlier calls while the file has not changed."""

SMALL = 32 * 1024 * 1024
"""Bytes of a file that is fetched as a whole while planning."""
_BLOB_NAME = re.compile(r"[0-9a-f]{64}")


class Tree(Protocol):
    """Read access to the files under one root. Names are relative, with `/`; the root itself is `""`."""

    @property
    def label(self) -> str:
        """How messages call the root."""

    @property
    def complete(self) -> bool:
        """Whether every file of the model is listed, and not only those that happen to be here."""

    def names(self, folder: str = "") -> frozenset[str]:
        """Names of the files directly in `folder`."""

    def folders(self, folder: str = "") -> frozenset[str]:
        """Names of the folders directly in `folder`."""

    def read(self, name: str) -> bytes:
        """The bytes of a small file."""

    def path(self, name: str) -> Path | None:
        """Where a file is on this disk, or None while it is not."""

    def header(self, name: str) -> Mapping[str, TensorInfo]:
        """The tensors of a safetensors file, here or not.

        Raises:
            BrokenHeaderError: it is something else.
            Refused: it cannot be read.
        """

    def outline(self, name: str) -> Path:
        """A file with the size, the beginning and the end of this one: itself when it is here or small.

        Raises:
            Refused: the server cannot send parts of a file.
        """

    def fetch(self, name: str) -> Path:
        """Where a file is, brought onto this disk if need be."""

    def size(self, name: str) -> int:
        """Bytes of a file, here or not."""

    def digest(self, name: str) -> str:
        """`sha256:…` of a file, here or not."""

    def location(self, folder: str, names: frozenset[str]) -> Location:
        """Where a component in `folder`, made of these files, is."""


def join(folder: str, name: str) -> str:
    """`folder/name`, or `name` when there is no folder."""
    return f"{folder}/{name}" if folder else name


def digest_of_local(path: Path, memo: Memo) -> str:
    """`sha256:…` of a file here.

    The hub's cache names large files by their sha256; that name is taken at its word, as `huggingface_hub`
    itself does. All other files are read, once.
    """
    real = path.resolve()
    if real.parent.name == "blobs" and _BLOB_NAME.fullmatch(real.name):
        return f"sha256:{real.name}"
    digest = memo(real)
    return digest if ":" in digest else f"sha256:{digest}"


class FolderTree:
    """A folder on this disk; of a snapshot in the hub's cache, `snapshot_of` is its repository and commit."""

    def __init__(
        self, folder: Path, memo: Memo, label: str, *, snapshot_of: tuple[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._memo = memo
        self._label = label
        self._snapshot_of = snapshot_of

    @property
    def label(self) -> str:
        """How messages call it."""
        return self._label

    @property
    def complete(self) -> bool:
        """False for a snapshot of the hub of which only some files may be here."""
        return self._snapshot_of is None

    def names(self, folder: str = "") -> frozenset[str]:
        """Names of the files directly in `folder`."""
        return frozenset(it.name for it in self._entries(folder) if it.is_file())

    def folders(self, folder: str = "") -> frozenset[str]:
        """Names of the folders directly in `folder`."""
        return frozenset(it.name for it in self._entries(folder) if it.is_dir())

    def _entries(self, folder: str) -> list[Path]:
        try:
            return list((self._folder / folder).iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Refused("SDF302", f"`{self._label}` cannot be read: {error.strerror}") from error

    def read(self, name: str) -> bytes:
        """The bytes of a small file."""
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise Refused("SDF302", f"`{name}` of {self._label} cannot be read: {error.strerror}") from error

    def path(self, name: str) -> Path | None:
        """Where a file is."""
        return self._folder / name

    def header(self, name: str) -> Mapping[str, TensorInfo]:
        """The tensors of a safetensors file."""
        try:
            return read_header(self._folder / name)
        except OSError as error:
            raise Refused("SDF302", f"`{name}` of {self._label} cannot be read: {error.strerror}") from error

    def outline(self, name: str) -> Path:
        """Where a file is."""
        return self._folder / name

    def fetch(self, name: str) -> Path:
        """Where a file is."""
        return self._folder / name

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return (self._folder / name).stat().st_size

    def digest(self, name: str) -> str:
        """`sha256:…` of a file."""
        try:
            return digest_of_local(self._folder / name, self._memo)
        except OSError as error:
            raise Refused("SDF302", f"`{name}` of {self._label} cannot be read: {error.strerror}") from error

    def location(self, folder: str, names: frozenset[str]) -> Location:  # noqa: ARG002  # all of them are here
        """The component's own folder."""
        repo, commit = self._snapshot_of or (None, None)
        inside = folder if repo else ""
        return Location(self._label, self._folder / folder, repo, commit, inside)
