"""From a source to one file: a checkpoint, a part of a model, a LoRA or an embedding, wherever it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sdflow.models.builtin import builtin_tree
from sdflow.models.context import Context
from sdflow.models.hub_open import hub_tree, listed_tree
from sdflow.models.pickle_names import CodeInPickleError
from sdflow.models.refused import Refused
from sdflow.models.request import PartRequest
from sdflow.models.safetensors_header import BrokenHeaderError, TensorInfo
from sdflow.models.source_kinds import (
    BuiltinSource,
    CivitaiSource,
    FileSource,
    FolderSource,
    HubSource,
    Source,
    UrlSource,
)
from sdflow.models.tree import FolderTree, Tree, join
from sdflow.models.web.digest import digest_written
from sdflow.problems import nearest
from sdflow.values import Location, WeightFile


@dataclass(frozen=True, slots=True)
class OneFile:
    """One file of a tree, on this disk or not. `label` is how messages call it."""

    tree: Tree
    folder: str
    name: str
    label: str

    @property
    def inside(self) -> str:
        """Its name in the tree."""
        return join(self.folder, self.name)

    @property
    def suffix(self) -> str:
        """Its ending in small letters, such as `.safetensors`."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def size(self) -> int:
        """Its bytes, here or not."""
        return self.tree.size(self.inside)

    @property
    def digest(self) -> str:
        """Its `sha256:…`, here or not."""
        return self.tree.digest(self.inside)

    @property
    def path(self) -> Path | None:
        """Where it is on this disk, or None while it is not."""
        return self.tree.path(self.inside)

    @property
    def weight_file(self) -> WeightFile:
        """What a description holds of it."""
        return WeightFile(self.name, self.digest, self.size)

    @property
    def location(self) -> Location:
        """Where its bytes are."""
        return self.tree.location(self.folder, frozenset({self.name}))

    def header(self) -> Mapping[str, TensorInfo]:
        """The tensors of a safetensors file or a PyTorch checkpoint; of one that is not here, as little as tells them.

        Raises:
            BrokenHeaderError: it is something else.
            CodeInPickleError: it would call something that weights do not need.
            Refused: it cannot be read.
        """
        if self.suffix == ".safetensors":
            return self.tree.header(self.inside)
        from sdflow.models.pickle_header import read_pickle_header

        try:
            return read_pickle_header(self.outline())
        except OSError as error:
            raise Refused("SDF302", f"{self.label} cannot be read: {error.strerror}") from error

    def tensors(self) -> Mapping[str, TensorInfo]:
        """`header`, with words for whoever named a file that has none.

        Raises:
            Refused: SDF305, a broken file; SDF316, one that would run code; or it cannot be read.
        """
        try:
            return self.header()
        except CodeInPickleError as error:
            hint = "sdflow runs no code from a file. Take one in the safetensors format."
            raise Refused("SDF316", f"{self.label} {error}", hint=hint) from error
        except BrokenHeaderError as error:
            raise Refused("SDF305", f"{self.label} {error}", hint="Download the file again.") from error

    def outline(self) -> Path:
        """A file with the size, the beginning and the end of this one: itself when it is here or small.

        Raises:
            Refused: there is no network, or the server cannot send parts of a file.
        """
        return self.tree.outline(self.inside)

    def fetch(self) -> Path:
        """Where it is, brought onto this disk if need be.

        Raises:
            Refused: it cannot be brought here.
        """
        return self.tree.fetch(self.inside)


def find_one_file(source: Source, request: PartRequest, context: Context) -> OneFile | None:
    """The file that a request names, or None when it names a folder or a whole repository.

    `request` is `completed` with what the source itself says.

    Raises:
        Refused: there is no such file, or it is not the one that `sha256` tells.
    """
    wanted = digest_written(request.sha256)
    if not isinstance(source, HubSource) and request.revision is not None:
        raise Refused(
            "SDF311", "only a hub model has a revision", hint="Leave `revision` out.", field="revision"
        )
    if isinstance(source, UrlSource | CivitaiSource):
        return _on_the_web(source, request, context, wanted)
    if isinstance(source, FileSource):
        return _checked(_local(source.file, request, context), wanted)
    if request.file is None:
        return None
    if isinstance(source, HubSource):
        tree = hub_tree(source.repo, request.revision, context)
        if not tree.complete and not _has(tree, _path_inside(request)):
            tree = listed_tree(source.repo, request.revision, context)
    else:
        tree = local_tree(source, request, context)
    return _checked(_inside(tree, request), wanted)


def completed(request: PartRequest, source: Source) -> PartRequest:
    """The request with what an address of the hub says of revision, folder and file.

    Raises:
        Refused: a field says something else.
    """
    if not isinstance(source, HubSource):
        return request
    for name in ("revision", "subfolder", "file"):
        told, written = getattr(source, name), getattr(request, name)
        if told is not None and written is not None and told != written:
            raise Refused(
                "SDF301", f"the address says {name} `{told}`, and the field `{written}`", hint="Keep one.",
                field=name,
            )  # fmt: skip
        if told is not None:
            request = replace(request, **{name: told})
    return request


def local_tree(source: BuiltinSource | FolderSource, request: PartRequest, context: Context) -> Tree:
    """The files of a folder on this disk, or of a built-in model.

    Raises:
        Refused: there is no such folder.
    """
    if isinstance(source, BuiltinSource):
        return builtin_tree(source.name, context.cache_root, context.memo)
    if not source.folder.is_dir():
        raise _no_folder(source.folder, request.source)
    return FolderTree(source.folder, context.memo, f"`{request.source}`")


def _on_the_web(
    source: UrlSource | CivitaiSource, request: PartRequest, context: Context, wanted: str | None
) -> OneFile:
    from sdflow.models.web.open import civitai_tree, web_tree  # most recipes get along without

    if isinstance(source, UrlSource):
        return _alone(web_tree(context.web, source.url, wanted, request.file, context.memo))
    return _checked(_alone(civitai_tree(context.web, source.version, request.file, context.memo)), wanted)


def _alone(tree: Tree) -> OneFile:
    (name,) = tree.names()
    return OneFile(tree, "", name, tree.label)


def _local(file: Path, request: PartRequest, context: Context) -> OneFile:
    label = f"`{request.source}`"
    if request.file is not None:
        raise Refused("SDF302", f"{label} is a file, and holds no `{request.file}`", field="file")
    if not file.is_file():
        beside = [it.name for it in file.parent.iterdir() if it.is_file()] if file.parent.is_dir() else []
        close = nearest(file.name, beside)
        hint = f"Did you mean `{close}`, which is beside it?" if close else f"It was looked for at {file}."
        if file.is_symlink():
            hint = f"It is a link to `{file.readlink()}`, which is not there."
        raise Refused("SDF302", f"there is no file {label}", hint=hint)
    return OneFile(FolderTree(file.parent, context.memo, label), "", file.name, label)


def _inside(tree: Tree, request: PartRequest) -> OneFile:
    inside = _path_inside(request)
    folder, _, name = inside.rpartition("/")
    if ".." in inside.split("/"):
        raise Refused("SDF302", f"the file `{inside}` leads out of {tree.label}", field="file")
    if not _has(tree, inside):
        there = sorted(tree.names(folder))
        close = nearest(name, there)
        listed = ", ".join(f"`{it}`" for it in there[:8])
        hint = f"Did you mean `{close}`?" if close else f"There is {listed}." if listed else None
        raise Refused("SDF302", f"{tree.label} has no file `{inside}`", hint=hint, field="file")
    return OneFile(tree, folder, name, f"`{inside}` of {tree.label}")


def _path_inside(request: PartRequest) -> str:
    return "/".join(
        part for part in f"{request.subfolder or ''}/{request.file}".split("/") if part not in {"", "."}
    )


def _has(tree: Tree, inside: str) -> bool:
    folder, _, name = inside.rpartition("/")
    return name in tree.names(folder)


def _checked(one: OneFile, wanted: str | None) -> OneFile:
    if wanted is not None and one.digest != wanted:
        raise Refused(
            "SDF319",
            f"{one.label} is another file than the recipe means",
            hint=f"It has `sha256: {one.digest.removeprefix('sha256:')}`.",
            field="sha256",
        )
    return one


def _no_folder(folder: Path, written: str) -> Refused:
    beside = [it.name for it in folder.parent.iterdir() if it.is_dir()] if folder.parent.is_dir() else []
    close = nearest(folder.name, beside)
    hint = f"Did you mean `{close}`, which is beside it?" if close else f"It was looked for at {folder}."
    return Refused("SDF302", f"there is no folder `{written}`", hint=hint)
