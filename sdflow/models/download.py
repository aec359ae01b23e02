"""Bringing a component's files onto this disk."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from sdflow.models.hub_api import download
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import Refused
from sdflow.models.tree import join
from sdflow.problems import UserError, problem
from sdflow.values import Component, WeightFile

Progress: TypeAlias = Callable[[int, int], None]
"""Told the bytes that are here and the bytes that it will be."""

_SPARE = 64 * 1024 * 1024
"""Bytes of disk that a download leaves free."""


def ensure_local(component: Component, progress: Progress | None = None, *, hub: HubPlace) -> Component:
    """The component with its files on this disk; those of a hub model that are missing are downloaded.

    What arrives is checked against the digest that the plan was made with. The description, and so every key,
    is the same before and after.

    Raises:
        UserError: no space, no connection, no access, or a file that is not what the hub told.
    """
    location = component.location
    if location.folder is not None or location.repo is None or location.revision is None:
        return component
    snapshot = hub.snapshot(location.repo, location.revision)
    missing = [file for file in component.files if not (snapshot / location.subfolder / file.name).is_file()]
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
        advance(arrived - done)
    return replace(
        component, location=replace(location, folder=snapshot / location.subfolder, download_bytes=0)
    )


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
