"""From a request to the file of an adapter: a LoRA, a textual inversion or an IP-Adapter."""

from collections.abc import Mapping
from dataclasses import replace

from sdflow.models.builtin import Kind, check_kind
from sdflow.models.context import Context
from sdflow.models.hub_open import hub_tree, listed_tree
from sdflow.models.one_file import OneFile, completed, find_one_file, local_tree
from sdflow.models.refused import Refused
from sdflow.models.request import AdapterRequest, PartRequest
from sdflow.models.source import parse_source
from sdflow.models.source_kinds import BuiltinSource, FolderSource, HubSource, Source
from sdflow.models.tree import Tree

USUAL = {
    "lora": ("pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"),
    "embedding": ("learned_embeds.safetensors", "learned_embeds.bin"),
    "upscaler": ("model.safetensors", "model.pth"),
    "ip-adapter": ("ip_adapter.safetensors", "ip_adapter.bin"),
}
"""What diffusers, or the scripts that train them, call the file of each kind of adapter."""

_NAMES: Mapping[str, Kind] = {
    "lora": "LoRA",
    "embedding": "textual inversion",
    "upscaler": "upscaler",
    "ip-adapter": "IP-Adapter",
}
_ENDINGS = (".safetensors", (".bin", ".pt", ".pth", ".ckpt"))


def find_file(request: AdapterRequest, context: Context) -> OneFile:
    """The file that an adapter is read from.

    In a folder or a repository that is `file`; without it, the one that diffusers would take, or the only weight file.

    Raises:
        Refused: there is no such file, or none that can be told from the others.
    """
    source = parse_source(request.source, context.base)
    if isinstance(source, BuiltinSource):
        check_kind(source.name, _NAMES[request.kind])
    wanted = PartRequest(
        request.source,
        request.revision,
        subfolder=request.subfolder,
        file=request.file,
        sha256=request.sha256,
    )
    part = completed(wanted, source)
    one = find_one_file(source, part, context)
    if one is not None:
        return one
    name = _usual_name(_tree(source, part, request.kind, context), _folder(part), request.kind)
    return find_file(replace(request, file=name), context)


def _tree(source: Source, part: PartRequest, kind: str, context: Context) -> Tree:
    if isinstance(source, BuiltinSource | FolderSource):
        return local_tree(source, part, context)
    if not isinstance(source, HubSource):
        raise TypeError(source)  # files, addresses and versions are single files
    tree = hub_tree(source.repo, part.revision, context)
    certain = tree.complete or not tree.names(_folder(part)).isdisjoint(USUAL[kind])
    return tree if certain else listed_tree(source.repo, part.revision, context)


def _folder(part: PartRequest) -> str:
    return "/".join(name for name in (part.subfolder or "").split("/") if name not in {"", "."})


def _usual_name(tree: Tree, folder: str, kind: str) -> str:
    names = tree.names(folder)
    usual = [name for name in USUAL[kind] if name in names]
    if usual:
        return usual[0]
    for endings in _ENDINGS:
        weights = sorted(name for name in names if name.lower().endswith(endings))
        if len(weights) == 1:
            return weights[0]
        if weights:
            listed = ", ".join(f"`{name}`" for name in weights[:8])
            raise Refused(
                "SDF302",
                f"{tree.label} has {len(weights)} weight files, and none is called `{USUAL[kind][0]}`",
                hint=f"Name one as `file`: {listed}.",
                field="file",
            )
    where = f"`{folder}` of {tree.label}" if folder else tree.label
    raise Refused("SDF302", f"{where} has no weight file, so no {_NAMES[kind]} can be read from it")
