"""The files of one commit on the hub, of which any number may be on this disk already."""

from collections.abc import Mapping
from pathlib import Path

from sdflow.models.hub_api import address_of, download
from sdflow.models.hub_listing import Listing
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo, parse_header, read_header
from sdflow.models.tree import SMALL, Memo, digest_of_local, join
from sdflow.models.web.place import WebPlace
from sdflow.values import Location


class HubTree:
    """A listed commit. Small files are fetched when they are read; weights never are."""

    def __init__(self, place: HubPlace, listing: Listing, memo: Memo, label: str, web: WebPlace) -> None:
        self._place = place
        self._listing = listing
        self._memo = memo
        self._label = label
        self._web = web
        self._snapshot = place.snapshot(listing.repo, listing.commit)

    @property
    def label(self) -> str:
        """How messages call it."""
        return self._label

    @property
    def complete(self) -> bool:
        """True: the listing tells all files."""
        return True

    def names(self, folder: str = "") -> frozenset[str]:
        """Names of the files directly in `folder`."""
        return frozenset(rest[0] for rest in self._below(folder) if len(rest) == 1)

    def folders(self, folder: str = "") -> frozenset[str]:
        """Names of the folders directly in `folder`."""
        return frozenset(rest[0] for rest in self._below(folder) if len(rest) > 1)

    def _below(self, folder: str) -> list[list[str]]:
        prefix = f"{folder}/" if folder else ""
        return [name[len(prefix) :].split("/") for name in self._listing.files if name.startswith(prefix)]

    def read(self, name: str) -> bytes:
        """The bytes of a small file, downloaded if need be."""
        return self._fetched(name).read_bytes()

    def _fetched(self, name: str) -> Path:
        path = self.path(name)
        if path is not None:
            return path
        if self._listing.files[name].size > SMALL:
            raise Refused("SDF314", f"`{name}` of {self._label} is far too large for what it should hold")
        return download(self._place, self._listing.repo, self._listing.commit, name)

    def path(self, name: str) -> Path | None:
        """Where a file is on this disk, or None while it is not."""
        path = self._snapshot / name
        return path if path.is_file() else None

    def header(self, name: str) -> Mapping[str, TensorInfo]:
        """The tensors of a safetensors file; of one that is not here, only the beginning is fetched."""
        path = self.path(name)
        if path is not None:
            return read_header(path)
        from sdflow.models.web.beginning import beginning_of

        listed = self._listing.files[name]
        url, proof = address_of(self._place, self._listing.repo, self._listing.commit, name)
        beginning = beginning_of(self._web, url, f"sha256:{listed.sha256}", proof)
        if not beginning.header:
            raise BrokenHeaderError(beginning.broken)
        return parse_header(beginning.header.encode(), listed.size)[0]

    def outline(self, name: str) -> Path:
        """A file with the size, the beginning and the end of this one: itself when it is here or small."""
        path, listed = self.path(name), self._listing.files[name]
        if path is not None or listed.size <= SMALL:
            return path or self._fetched(name)
        from sdflow.models.web.outline import outline_of

        url, proof = address_of(self._place, self._listing.repo, self._listing.commit, name)
        return outline_of(self._web, url, f"sha256:{listed.sha256}", listed.size, proof)

    def fetch(self, name: str) -> Path:
        """Where a file is, downloaded if need be."""
        return self.path(name) or download(self._place, self._listing.repo, self._listing.commit, name)

    def size(self, name: str) -> int:
        """Bytes of a file, as the hub tells."""
        return self._listing.files[name].size

    def digest(self, name: str) -> str:
        """`sha256:…`: of a large file as the hub tells; a small one is fetched."""
        known = self._listing.files[name].sha256
        return f"sha256:{known}" if known else digest_of_local(self._fetched(name), self._memo)

    def location(self, folder: str, names: frozenset[str]) -> Location:
        """On this disk when all of the files are, else on the hub with what is left to fetch."""
        repo, commit = self._listing.repo, self._listing.commit
        missing = [join(folder, name) for name in names if self.path(join(folder, name)) is None]
        here = None if missing else self._snapshot / folder
        return Location(self._label, here, repo, commit, folder, sum(self.size(name) for name in missing))
