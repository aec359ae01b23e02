"""Civitai's API: the one question that is asked of it. A version never changes, so it is asked once.

https://developer.civitai.com/docs/api/public-rest ("GET /api/v1/model-versions/:modelVersionId").
"""

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from sdflow.models.notes import write_note
from sdflow.models.refused import Refused
from sdflow.models.web.answers import ConnectionLostError, opened, unreachable
from sdflow.models.web.place import WebPlace

_LARGEST = 8 * 1024 * 1024
"""Bytes of an answer."""


@dataclass(frozen=True, slots=True)
class CivitaiFile:
    """A file of a version: its name, its sha256 in small hexadecimal, where it is, and whether it is the main one."""

    name: str
    sha256: str
    url: str
    kind: str
    primary: bool


@dataclass(frozen=True, slots=True)
class CivitaiVersion:
    """A version of a model. `kind` is Civitai's word, such as Checkpoint, LORA, LoCon, TextualInversion or VAE.

    `base_model` is, for example, `SD 1.5` or `SDXL 1.0`; `trained_words` are what its author says to write.
    """

    version: int
    title: str
    kind: str
    base_model: str
    trained_words: tuple[str, ...]
    files: tuple[CivitaiFile, ...]


def civitai_version(place: WebPlace, version: int) -> CivitaiVersion:
    """What Civitai tells about a version.

    Raises:
        Refused: there is no such version, or Civitai cannot be asked.
    """
    host = re.sub(r"[^A-Za-z0-9.]+", "-", urlsplit(place.civitai).netloc)
    note = place.notes / "civitai" / host / f"{version}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        return _recalled(json.loads(note.read_text(encoding="utf-8")))
    found = _ask(place, version)
    write_note(note, json.dumps(asdict(found), ensure_ascii=False))
    return found


def _ask(place: WebPlace, version: int) -> CivitaiVersion:
    url = f"{place.civitai}/api/v1/model-versions/{version}"
    try:
        with opened(place, url, {"Accept": "application/json"}) as response:
            body = b""
            for piece in response.iter_raw(2**16):
                body += piece
                if len(body) > _LARGEST:
                    break
    except ConnectionLostError as error:
        raise unreachable(url, str(error)) from error
    except Refused as error:
        if error.problem.code == "SDF302":
            raise Refused(
                "SDF302",
                f"Civitai has no model version {version}",
                hint="The number after `modelVersionId=` is meant, not the one after `/models/`.",
            ) from error
        raise
    try:
        return _read(json.loads(body), version)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreachable(url, "its answer is not what Civitai's API gives") from error


def _read(told: dict[str, Any], version: int) -> CivitaiVersion:
    about = told.get("model") or {}
    title = " ".join(str(it) for it in (about.get("name"), told.get("name")) if it)
    files = (_file(it) for it in told["files"])
    return CivitaiVersion(
        version,
        title,
        str(about.get("type") or ""),
        str(told.get("baseModel") or ""),
        tuple(str(word) for word in told.get("trainedWords") or ()),
        tuple(file for file in files if file is not None),
    )


def _file(told: dict[str, Any]) -> CivitaiFile | None:
    sha256 = str((told.get("hashes") or {}).get("SHA256") or "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not told.get("downloadUrl"):
        return None
    kind = str(told.get("type") or "")
    return CivitaiFile(str(told["name"]), sha256, str(told["downloadUrl"]), kind, bool(told.get("primary")))


def _recalled(stored: dict[str, Any]) -> CivitaiVersion:
    files = tuple(CivitaiFile(**file) for file in stored["files"])
    return CivitaiVersion(**{**stored, "trained_words": tuple(stored["trained_words"]), "files": files})
