"""Bringing a model or a file here before a recipe asks for it, and what a recipe then says of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.models.context import Context
from sdflow.models.download import Progress, bring_here, ensure_local
from sdflow.models.one_file import OneFile, completed, find_one_file
from sdflow.models.refused import Refused
from sdflow.models.request import PartRequest
from sdflow.models.source import parse_source
from sdflow.models.source_kinds import CivitaiSource, UrlSource
from sdflow.models.web.civitai_api import CivitaiVersion, civitai_version
from sdflow.models.web.fetch import fetch_unknown
from sdflow.problems import UserError
from sdflow.values import Model

if TYPE_CHECKING:
    from sdflow.models.source_kinds import Source


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is here now: one file, or the folders of a model's components.

    `fields` is what a recipe says to get exactly this; `civitai` is what Civitai tells about it.
    """

    paths: tuple[Path, ...]
    size: int
    fields: Mapping[str, str]
    civitai: CivitaiVersion | None = None


def fetch_file(request: PartRequest, context: Context, progress: Progress) -> Fetched | None:
    """Bring the file here that a request names; None when it names a whole model.

    Raises:
        UserError: there is no such file, or it cannot be brought here.
    """
    try:
        source = parse_source(request.source, context.base)
        request = completed(request, source)
        if isinstance(source, UrlSource) and request.sha256 is None:
            file, path = fetch_unknown(context.web, source.url, request.file, progress)
            fields = {"source": source.url, "sha256": file.digest.removeprefix("sha256:")}
            fields |= {"file": request.file} if request.file else {}
            return Fetched((path,), path.stat().st_size, fields)
        one = find_one_file(source, request, context)
        if one is None:
            return None
        here = bring_here(one.location, (one.weight_file,), progress, hub=context.hub, web=context.web)
        folder = here.folder or context.base
        about = civitai_version(context.web, source.version) if isinstance(source, CivitaiSource) else None
        return Fetched((folder / one.name,), one.size, _fields(source, request, one), about)
    except Refused as error:
        raise UserError(error.problem) from error


def fetch_components(request: PartRequest, model: Model, context: Context, progress: Progress) -> Fetched:
    """Bring all components of a model here.

    Raises:
        UserError: no space, no connection, or a file that is not what the hub told.
    """
    parts = [
        ensure_local(part, progress, hub=context.hub, web=context.web) for part in model.components.values()
    ]
    paths = dict.fromkeys(part.location.folder for part in parts if part.location.folder is not None)
    commit = next((part.location.revision for part in parts if part.location.revision), None)
    fields = {"source": request.source, **({"revision": commit} if commit else {})}
    fields |= {
        name: value for name in ("variant", "subfolder") if (value := getattr(request, name)) is not None
    }
    files = {(file.name, file.digest): file.size for part in parts for file in part.files}
    return Fetched(tuple(paths), sum(files.values()), fields)


def _fields(source: "Source", request: PartRequest, one: OneFile) -> dict[str, str]:
    location, fields = one.location, {"source": request.source}
    if location.repo is not None and location.revision is not None:
        fields = {"source": location.repo, "file": one.inside, "revision": location.revision}
    elif request.file is not None:
        fields["file"] = request.file
    if isinstance(source, CivitaiSource):
        fields["source"] = f"civitai:{source.version}"
    return {**fields, "sha256": one.digest.removeprefix("sha256:")}
