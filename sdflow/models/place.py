"""From a request for a place to its files."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from sdflow.models.builtin import check_kind
from sdflow.models.checkpoint.recognise import Checkpoint, read_checkpoint
from sdflow.models.context import Context
from sdflow.models.hub_open import hub_tree, listed_tree
from sdflow.models.one_file import OneFile, completed, find_one_file, local_tree
from sdflow.models.refused import Refused
from sdflow.models.request import PartRequest
from sdflow.models.source import parse_source
from sdflow.models.source_kinds import BuiltinSource, FolderSource, HubSource
from sdflow.models.tree import Tree, join
from sdflow.problems import nearest


@dataclass(frozen=True, slots=True)
class Place:
    """The files of a source, the folder in it that was asked for, and the wanted variant of its weights.

    Of a single file there is `file`, what is in it; and `config`, the place that its configuration comes from, where
    the request names one.
    """

    tree: Tree
    root: str
    variant: str | None
    request: PartRequest
    file: Checkpoint | None = None
    config: "Place | None" = None


def open_place(request: PartRequest, context: Context) -> Place:
    """Find the files that a request speaks of. A hub model that was seen before needs no network for it.

    Raises:
        Refused: there is no such source, or it is nothing that a model is read from.
    """
    source = parse_source(request.source, context.base)
    request = completed(request, source)
    one = find_one_file(source, request, context)
    if one is not None:
        return _file(one, request, context)
    if request.config is not None:
        raise Refused(
            "SDF214",
            "only a single file takes its configuration from elsewhere",
            hint="Leave it out.",
            field="config",
        )
    if request.sha256 is not None:
        raise Refused(
            "SDF319",
            "only a single file has a sha256",
            hint="Leave it out, or name one `file`.",
            field="sha256",
        )
    if isinstance(source, HubSource):
        return _place(hub_tree(source.repo, request.revision, context), request)
    if isinstance(source, BuiltinSource):
        check_kind(source.name, "model", "VAE", "ControlNet", "IP-Adapter", "safety checker")
    if isinstance(source, BuiltinSource | FolderSource):
        return _place(local_tree(source, request, context), request)
    raise AssertionError("files, addresses and versions are single files")


def open_listed(request: PartRequest, context: Context) -> Place:
    """The same for a hub id, with the hub asked for the whole listing of the commit."""
    source = parse_source(request.source, context.base)
    request = completed(request, source)
    repo = source.repo if isinstance(source, HubSource) else request.source
    return _place(listed_tree(repo, request.revision, context), request)


def _file(one: OneFile, request: PartRequest, context: Context) -> Place:
    """A single file; the names and shapes of its tensors are read now."""
    if request.variant is not None:
        raise Refused("SDF307", "a single file has no variants", hint="Leave `variant` out.", field="variant")
    config = None
    if request.config is not None:
        try:
            config = open_place(PartRequest(request.config), context)
        except Refused as error:
            raise error.about("config") from error
        if config.file is not None:
            message = f"{config.file.one.label} is a single file, which has no configuration"
            raise Refused("SDF304", message, hint="Name a diffusers folder or a hub id.", field="config")
    checkpoint = read_checkpoint(one, request.prediction_type)
    return Place(one.tree, one.folder, None, request, checkpoint, config)


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
