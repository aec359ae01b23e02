"""Reading a model source as a user writes it."""

import re
from pathlib import Path

from sdflow.models.refused import Refused
from sdflow.models.source_kinds import (
    WEIGHT_SUFFIXES,
    BuiltinSource,
    FileSource,
    FolderSource,
    HubSource,
    Source,
)
from sdflow.models.web.address import is_address, parse_address

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\|\.{1,2}\\")


def parse_source(text: str, base: Path) -> Source:
    """What `text` names; relative paths start from `base`, the recipe's folder.

    An existing folder wins over a hub id of the same name, as in diffusers.

    Raises:
        Refused: `text` names nothing that a model could come from.
    """
    text = text.strip()
    if not text:
        raise Refused(
            "SDF301", "the source is empty", hint="Write a hub id `owner/name` or a folder `./name`."
        )
    if text.startswith("builtin:"):
        return BuiltinSource(text.removeprefix("builtin:").strip())
    if is_address(text):
        return parse_address(text)
    path = _as_path(text, base)
    if _looks_like_path(text) or path.exists():
        return FileSource(path) if _is_file(path) else FolderSource(path)
    if Path(text).suffix.lower() in WEIGHT_SUFFIXES:
        return FileSource(path)
    if _HUB_ID.fullmatch(text) and ".." not in text:
        return HubSource(text)
    raise _refuse_word(text)


def _as_path(text: str, base: Path) -> Path:
    path = Path(text)
    if text.startswith("~"):
        try:
            return path.expanduser()
        except RuntimeError:  # a user that this system does not have
            return path
    return base / path


def _looks_like_path(text: str) -> bool:
    return text in {".", ".."} or text.startswith(("./", "../", "/", "~")) or bool(_WINDOWS_PATH.match(text))


def _is_file(path: Path) -> bool:
    return path.is_file() or (not path.exists() and path.suffix.lower() in WEIGHT_SUFFIXES)


def _refuse_word(text: str) -> Refused:
    if "@" in text and _HUB_ID.fullmatch(text.partition("@")[0]):
        name, _, revision = text.partition("@")
        hint = f"Write `source: {name}` and `revision: {revision}`."
    elif text.count("/") > 1 and _HUB_ID.fullmatch("/".join(text.split("/")[:2])):
        owner, name, *rest = text.strip("/").split("/")
        inside = "/".join(rest)
        hint = f"For a folder of `{owner}/{name}` write `subfolder: {inside}`; a path starts with `./`."
        if not inside:
            hint = f"Write `{owner}/{name}` without the slash at the end, or `./{text}` for a folder."
    elif re.fullmatch(r"[\w.-]+", text):
        hint = f"A hub id has an owner: `owner/{text}`. A folder beside the recipe is written `./{text}`."
    else:
        hint = "A hub id is `owner/name`; a path starts with `./`, `../`, `/` or `~`."
    return Refused("SDF301", f"`{text}` is neither a hub id nor an existing folder", hint=hint)
