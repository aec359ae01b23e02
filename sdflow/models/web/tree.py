"""A single file on the web, of which the size and the sha256 are known, as a tree of one file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo, parse_header, read_header
from sdflow.models.tree import SMALL, Memo
from sdflow.models.web.beginning import Beginning, beginning_of, forget_beginning
from sdflow.models.web.download import download_file, downloaded
from sdflow.models.web.file import WebFile
from sdflow.models.web.outline import outline_of
from sdflow.models.web.place import WebPlace
from sdflow.values import Location


class WebTree:
    """One file, fetched when it is needed; its size and header are asked for alone, and once."""

    def __init__(self, place: WebPlace, file: WebFile, memo: Memo, label: str) -> None:
        self._place = place
        self._file = file
        self._memo = memo
        self._label = label

    @property
    def label(self) -> str:
        """How messages call it."""
        return self._label

    @property
    def complete(self) -> bool:
        """True: there is one file."""
        return True

    def names(self, folder: str = "") -> frozenset[str]:
        """The file's name."""
        return frozenset() if folder else frozenset({self._file.name})

    def folders(self, folder: str = "") -> frozenset[str]:  # noqa: ARG002  # there are none
        """Nothing."""
        return frozenset()

    def read(self, name: str) -> bytes:
        """The bytes of a small file, downloaded if need be."""
        if self.path(name) is None and self.size(name) > SMALL:
            raise Refused("SDF314", f"{self._label} is far too large for what it should hold")
        return self.fetch(name).read_bytes()

    def path(self, name: str) -> Path | None:
        """Where the file is on this disk, or None while it is not."""
        return downloaded(self._place, self._file.digest, name)

    def header(self, name: str) -> Mapping[str, TensorInfo]:
        """The tensors of a safetensors file; of one that is not here, only the beginning is fetched."""
        path = self.path(name)
        if path is not None:
            return read_header(path)
        beginning = self._beginning()
        if not beginning.header:
            forget_beginning(self._place, self._file.url, self._file.digest)  # the next answer may be better
            raise BrokenHeaderError(beginning.broken)
        return parse_header(beginning.header.encode(), beginning.size)[0]

    def outline(self, name: str) -> Path:
        """A file with the size, the beginning and the end of this one: itself when it is here or small."""
        if self.path(name) is not None or self.size(name) <= SMALL:
            return self.fetch(name)
        return outline_of(self._place, self._file.url, self._file.digest, self.size(name))

    def fetch(self, name: str) -> Path:
        """Where the file is, downloaded if need be."""
        return self.path(name) or download_file(self._place, replace(self._file, size=self._told_size()))

    def size(self, name: str) -> int:
        """Bytes of the file; where nobody tells them without sending it, it is downloaded now."""
        path = self.path(name)
        size = path.stat().st_size if path is not None else self._told_size()
        return self.fetch(name).stat().st_size if size is None else size

    def _told_size(self) -> int | None:
        return self._file.size if self._file.size is not None else self._beginning().size

    def digest(self, name: str) -> str:  # noqa: ARG002  # there is one
        """`sha256:…` of the file."""
        return self._file.digest

    def location(self, folder: str, names: frozenset[str]) -> Location:  # noqa: ARG002  # there is one
        """In the folder of downloads when it is there, else its address."""
        size = self.size(self._file.name)
        path = self.path(self._file.name)
        if path is not None:
            return Location(self._label, path.parent, url=self._file.url)
        return Location(self._label, None, download_bytes=size, url=self._file.url)

    def _beginning(self) -> Beginning:
        return beginning_of(self._place, self._file.url, self._file.digest)
