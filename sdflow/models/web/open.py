"""From an address, or a version on Civitai, to its file."""

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from sdflow.models.refused import Refused
from sdflow.models.source_kinds import WEIGHT_SUFFIXES
from sdflow.models.tree import Memo
from sdflow.models.web.answers import shown
from sdflow.models.web.beginning import beginning_of
from sdflow.models.web.civitai_api import CivitaiFile, CivitaiVersion, civitai_version
from sdflow.models.web.file import WebFile
from sdflow.models.web.place import WebPlace
from sdflow.models.web.tree import WebTree
from sdflow.problems import nearest

_LONGEST = 200
"""Characters of a file name that are kept."""


def web_tree(place: WebPlace, url: str, digest: str | None, name: str | None, memo: Memo) -> WebTree:
    """The file at an address. Without a digest nobody could tell whether it is still the same file.

    Raises:
        Refused: there is no digest, or neither the address nor the server names the file.
    """
    if digest is None:
        raise Refused(
            "SDF318",
            f"`{shown(url)}` needs a sha256, so that it is the same file every time",
            hint=f"`sdflow model fetch {url}` downloads it and says what to write.",
        )
    known = name or name_in(url)
    if known is None:
        known = beginning_of(place, url, digest).name
        if PurePosixPath(known).suffix.lower() not in WEIGHT_SUFFIXES:
            raise Refused(
                "SDF301",
                f"`{shown(url)}` does not say what kind of file it is",
                hint="Give its name: `file: NAME.safetensors`.",
            )
    return WebTree(place, WebFile(url, safe_name(known), digest), memo, f"`{shown(url)}`")


def civitai_tree(place: WebPlace, version: int, name: str | None, memo: Memo) -> WebTree:
    """The file of a version on Civitai: the one that is named, or else the one that is its main file.

    Raises:
        Refused: there is no such version or file, or Civitai cannot be asked.
    """
    about = civitai_version(place, version)
    file = _chosen(about, name)
    web = WebFile(file.url, safe_name(file.name), f"sha256:{file.sha256}")
    return WebTree(place, web, memo, f"`civitai:{version}`")


def name_in(url: str) -> str | None:
    """The file name at the end of an address, where it is one of weights."""
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    return name if PurePosixPath(name).suffix.lower() in WEIGHT_SUFFIXES else None


def safe_name(name: str) -> str:
    """A name that every file system takes and that leads nowhere else."""
    bare = re.sub(r'[\x00-\x1f\x7f\\/:*?"<>|]', "_", name).strip(" .")
    stem, suffix = PurePosixPath(bare).stem, PurePosixPath(bare).suffix
    return f"{stem[:_LONGEST]}{suffix}" or "file"


def _chosen(about: CivitaiVersion, name: str | None) -> CivitaiFile:
    label = f"`civitai:{about.version}` ({about.title})"
    names = [file.name for file in about.files]
    if name is not None:
        for file in about.files:
            if file.name == name:
                return file
        close = nearest(name, names)
        listed = ", ".join(f"`{it}`" for it in names)
        hint = f"Did you mean `{close}`?" if close else f"There is {listed}." if names else None
        raise Refused("SDF302", f"{label} has no file `{name}`", hint=hint, field="file")
    if not about.files:
        raise Refused("SDF302", f"{label} has no file with a known sha256")
    return next((file for file in about.files if file.primary), about.files[0])
