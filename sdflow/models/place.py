"""From a request for a place to its files."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sdflow.models.builtin import builtin_folder
from sdflow.models.context import Context
from sdflow.models.hub_api import fetch_listing
from sdflow.models.hub_listing import known_commit, load_listing, save_listing
from sdflow.models.hub_tree import HubTree
from sdflow.models.refused import Refused
from sdflow.models.request import PartRequest
from sdflow.models.single_file import refuse_single_file
from sdflow.models.source import BuiltinSource, FileSource, FolderSource, parse_source
from sdflow.models.tree import FolderTree, Tree, join
from sdflow.problems import nearest


@dataclass(frozen=True, slots=True)
class Place:
    """The files of a source, the folder in it that was asked for, and the wanted variant of its weights."""

    tree: Tree
    root: str
    variant: str | None
    request: PartRequest


def open_place(request: PartRequest, context: Context) -> Place:
    """Find the files that a request speaks of. A hub model that was seen before needs no network for it.

    Raises:
        Refused: there is no such source, or it is nothing that a model is read from.
    """
    source = parse_source(request.source, context.base)
    tree: Tree
    if isinstance(source, FileSource):
        raise refuse_single_file(source.file, request.source)
    if isinstance(source, BuiltinSource):
        tree = FolderTree(
            builtin_folder(source.name, context.cache_root), context.memo, f"`builtin:{source.name}`"
        )
    elif isinstance(source, FolderSource):
        if not source.folder.is_dir():
            raise _no_folder(source.folder, request.source)
        tree = FolderTree(source.folder, context.memo, f"`{request.source}`")
    else:
        return _place(
            _known_hub_tree(source.repo, request, context) or listed_tree(request, context), request
        )
    if request.revision is not None:
        raise Refused(
            "SDF311", "only a hub model has a revision", hint="Leave `revision` out.", field="revision"
        )
    return _place(tree, request)


def open_listed(request: PartRequest, context: Context) -> Place:
    """The same for a hub id, with the hub asked for the whole listing of the commit."""
    return _place(listed_tree(request, context), request)


def listed_tree(request: PartRequest, context: Context) -> Tree:
    """All files of a hub model's revision, as the hub lists them; remembered for the next time."""
    repo = request.source.strip()
    known = known_commit(context.hub, repo, request.revision)
    listing = fetch_listing(context.hub, repo, known or request.revision)
    save_listing(context.hub, repo, request.revision, listing)
    return HubTree(context.hub, listing, context.memo, _label(repo, listing.repo))


def _known_hub_tree(repo: str, request: PartRequest, context: Context) -> Tree | None:
    commit = known_commit(context.hub, repo, request.revision)
    if commit is None:
        return None
    listing = load_listing(context.hub, repo, commit)
    if listing is not None:
        return HubTree(context.hub, listing, context.memo, _label(repo, listing.repo))
    snapshot = context.hub.snapshot(repo, commit)
    return (
        FolderTree(snapshot, context.memo, f"`{repo}`", snapshot_of=(repo, commit))
        if snapshot.is_dir()
        else None
    )


def _label(asked: str, name: str) -> str:
    return f"`{asked}`" if asked == name else f"`{asked}` (now `{name}`)"


def _place(tree: Tree, request: PartRequest) -> Place:
    root = PurePosixPath(request.subfolder or "").as_posix().strip("/")
    root = "" if root == "." else root
    if ".." in root.split("/"):
        raise Refused("SDF315", f"the subfolder `{root}` leads out of {tree.label}", field="subfolder")
    if root and tree.complete and not (tree.names(root) or tree.folders(root)):
        above = root.rpartition("/")[0]
        folders = [join(above, name) for name in tree.folders(above)]
        close = nearest(root, folders)
        listed = ", ".join(f"`{name}`" for name in sorted(folders)[:8])
        hint = f"Did you mean `{close}`?" if close else f"It has {listed}." if listed else None
        raise Refused("SDF315", f"{tree.label} has no subfolder `{root}`", hint=hint, field="subfolder")
    return Place(tree, root, request.variant, request)


def _no_folder(folder: Path, written: str) -> Refused:
    beside = [it.name for it in folder.parent.iterdir() if it.is_dir()] if folder.parent.is_dir() else []
    close = nearest(folder.name, beside)
    hint = f"Did you mean `{close}`, which is beside it?" if close else f"It was looked for at {folder}."
    return Refused("SDF302", f"there is no folder `{written}`", hint=hint)
