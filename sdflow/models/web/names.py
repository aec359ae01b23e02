"""What a file on the web is called here."""

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from sdflow.models.refused import Refused
from sdflow.models.source_kinds import WEIGHT_SUFFIXES
from sdflow.models.web.answers import shown

_LONGEST = 200
"""Characters of a file name that are kept."""


def name_in(url: str) -> str | None:
    """The file name at the end of an address, where it is one of weights."""
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    return name if PurePosixPath(name).suffix.lower() in WEIGHT_SUFFIXES else None


def checked_name(url: str, wanted: str | None, told: str) -> str:
    """The name of a file: as a recipe gives it, else from its address, else as the server tells.

    Raises:
        Refused: none of them says what kind of file it is.
    """
    name = wanted or name_in(url) or told
    if PurePosixPath(name).suffix.lower() not in WEIGHT_SUFFIXES:
        raise Refused(
            "SDF301",
            f"`{shown(url)}` does not say what kind of file it is",
            hint="Give its name: `file: NAME.safetensors`.",
        )
    return safe_name(name)


def safe_name(name: str) -> str:
    """A name that every file system takes and that leads nowhere else."""
    bare = re.sub(r'[\x00-\x1f\x7f\\/:*?"<>|]', "_", name).strip(" .")
    stem, suffix = PurePosixPath(bare).stem, PurePosixPath(bare).suffix
    return f"{stem[:_LONGEST]}{suffix}" or "file"
