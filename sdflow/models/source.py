"""Reading a model source as a user writes it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from sdflow.models.refused import Refused

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\|\.{1,2}\\")
_WEIGHT_SUFFIXES = {".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx"}


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository on the hub."""

    repo: str


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder on this disk; it may not exist."""

    folder: Path


@dataclass(frozen=True, slots=True)
class FileSource:
    """A single file on this disk; it may not exist."""

    file: Path


@dataclass(frozen=True, slots=True)
class BuiltinSource:
    """A model that sdflow brings along."""

    name: str


Source: TypeAlias = HubSource | FolderSource | FileSource | BuiltinSource


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
    if "://" in text:
        raise _refuse_url(text)
    path = _as_path(text, base)
    if _looks_like_path(text) or path.exists():
        return FileSource(path) if _is_file(path) else FolderSource(path)
    if Path(text).suffix.lower() in _WEIGHT_SUFFIXES:
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
    return path.is_file() or (not path.exists() and path.suffix.lower() in _WEIGHT_SUFFIXES)


def _refuse_url(text: str) -> Refused:
    parts = urlsplit(text)
    inside = [part for part in parts.path.split("/") if part]
    if parts.hostname in {"huggingface.co", "hf.co"} and len(inside) == 2:  # noqa: PLR2004  # owner and name
        hint = f"Write the hub id alone: `{inside[0]}/{inside[1]}`."
    elif parts.hostname in {"huggingface.co", "hf.co"} and "tree" in inside[2:3] and len(inside) > 3:  # noqa: PLR2004
        hint = f"Write `{inside[0]}/{inside[1]}` and `revision: {inside[3]}`."
    else:
        hint = "Download it, convert it to a diffusers folder, and name that folder."
    return Refused("SDF303", f"models are not read from web addresses yet: `{text}`", hint=hint)


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
