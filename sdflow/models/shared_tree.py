"""A model that has some of its components from another one."""

from collections.abc import Mapping
from pathlib import Path

from sdflow.models.safetensors_header import TensorInfo
from sdflow.models.tree import Tree
from sdflow.values import Location


class SharedTree:
    """A tree, with folders at its root that are those of other trees; the label is its own.

    A component of a shared folder is the other model's to the byte and at the same place, so that what was computed
    with it, such as an encoded prompt, is computed once for both.
    """

    def __init__(self, own: Tree, shared: Mapping[str, Tree]) -> None:
        self._own = own
        self._shared = shared

    @property
    def label(self) -> str:
        """How messages call it."""
        return self._own.label

    @property
    def complete(self) -> bool:
        """Whether all the trees are."""
        return self._own.complete and all(tree.complete for tree in self._shared.values())

    def _of(self, name: str) -> Tree:
        return self._shared.get(name.split("/", 1)[0], self._own)

    def names(self, folder: str = "") -> frozenset[str]:
        """Names of the files directly in `folder`."""
        return self._of(folder).names(folder)

    def folders(self, folder: str = "") -> frozenset[str]:
        """Names of the folders directly in `folder`."""
        found = self._of(folder).folders(folder)
        return found if folder else found | frozenset(self._shared)

    def read(self, name: str) -> bytes:
        """The bytes of a small file."""
        return self._of(name).read(name)

    def path(self, name: str) -> Path | None:
        """Where a file is on this disk."""
        return self._of(name).path(name)

    def header(self, name: str) -> Mapping[str, TensorInfo]:
        """The tensors of a safetensors file."""
        return self._of(name).header(name)

    def outline(self, name: str) -> Path:
        """Where a file is, or its beginning and end."""
        return self._of(name).outline(name)

    def fetch(self, name: str) -> Path:
        """Where a file is, brought onto this disk if need be."""
        return self._of(name).fetch(name)

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return self._of(name).size(name)

    def digest(self, name: str) -> str:
        """`sha256:…` of a file."""
        return self._of(name).digest(name)

    def location(self, folder: str, names: frozenset[str]) -> Location:
        """Where a component in `folder`, made of these files, is."""
        return self._of(folder).location(folder, names)
