"""Bringing a component's files onto this disk."""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from sdflow.models.hub_api import download
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import Refused
from sdflow.models.tree import join
from sdflow.models.web.download import download_file
from sdflow.models.web.file import WebFile
from sdflow.models.web.place import WebPlace
from sdflow.problems import UserError, problem
from sdflow.values import Adapter, Component, Location, WeightFile

Progress: TypeAlias = Callable[[int, int], None]
"""Told the bytes that are here and the bytes that it will be."""

_SPARE = 64 * 1024 * 1024
"""Bytes of disk that a download leaves free."""


def ensure_local(
    component: Component, progress: Progress | None = None, *, hub: HubPlace, web: WebPlace | None = None
) -> Component:
    """The component with its files and its adapters' on this disk; those that are missing are downloaded.

    What arrives is checked against the digest that the plan was made with. The description, and so every key,
    is the same before and after.

    Raises:
        UserError: no space, no connection, no access, or a file that is not what the hub told.
    """
    here = bring_here(component.location, component.files, progress, hub=hub, web=web)
    adapters = tuple(_with_file(adapter, progress, hub=hub, web=web) for adapter in component.adapters)
    unmoved = [adapter.location for adapter in adapters] == [it.location for it in component.adapters]
    if here is component.location and unmoved:
        return component
    return replace(component, location=here, adapters=adapters)


def _with_file(
    adapter: Adapter, progress: Progress | None, *, hub: HubPlace, web: WebPlace | None
) -> Adapter:
    here = bring_here(adapter.location, (adapter.file,), progress, hub=hub, web=web)
    return adapter if here is adapter.location else replace(adapter, location=here)


def bring_here(
    location: Location,
    files: Sequence[WeightFile],
    progress: Progress | None,
    *,
    hub: HubPlace,
    web: WebPlace | None,
) -> Location:
    """The place of some files on this disk, after they were downloaded if they had to be."""
    if location.folder is not None:
        return location
    if location.url is not None and web is not None:
        return _from_web(location, files, progress, web)
    if location.repo is None or location.revision is None:
        return location
    return _from_hub(location, files, progress, hub)


def _from_web(
    location: Location, files: Sequence[WeightFile], progress: Progress | None, web: WebPlace
) -> Location:
    (file,) = files
    try:
        path = download_file(web, WebFile(str(location.url), file.name, file.digest, file.size), progress)
    except Refused as error:
        raise UserError(error.problem) from error
    return replace(location, folder=path.parent, download_bytes=0)


def _from_hub(
    location: Location, files: Sequence[WeightFile], progress: Progress | None, hub: HubPlace
) -> Location:
    if location.repo is None or location.revision is None:
        return location
    snapshot = hub.snapshot(location.repo, location.revision)
    missing = [file for file in files if not (snapshot / location.subfolder / file.name).is_file()]
    total = sum(file.size for file in missing)
    _check_space(hub.cache, total, location.source)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done = min(done + count, total)
        if progress is not None:
            progress(done, total)

    arrived = 0
    for file in missing:
        try:
            path = download(
                hub, location.repo, location.revision, join(location.subfolder, file.name), advance
            )
        except Refused as error:
            raise UserError(error.problem) from error
        _check_digest(path, file, location.source)
        arrived += file.size
        if arrived > done:  # the hub's library does not always tell the last bytes
            advance(arrived - done)
    return replace(location, folder=snapshot / location.subfolder, download_bytes=0)


def _check_space(cache: Path, needed: int, source: str) -> None:
    folder = cache
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed and free < needed + _SPARE:
        raise problem(
            "SDF313",
            f"{source} needs {needed / 1e9:.1f} GB more, and {cache} has {free / 1e9:.1f} GB left",
            hint="Make room, or set HF_HUB_CACHE to a folder on a larger disk.",
        )


def _check_digest(path: Path, file: WeightFile, source: str) -> None:
    with path.open("rb") as stream:
        found = "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.digest:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise problem(
            "SDF317",
            f"`{file.name}` of {source} did not arrive as the hub describes it, and was removed",
            hint="Run again. If it stays so, the mirror or a proxy on the way changes files.",
        )
