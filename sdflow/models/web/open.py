"""From an address, or a version on Civitai, to its file."""

from sdflow.models.refused import Refused
from sdflow.models.tree import Memo
from sdflow.models.web.answers import shown
from sdflow.models.web.beginning import beginning_of
from sdflow.models.web.civitai_api import CivitaiFile, CivitaiVersion, civitai_version
from sdflow.models.web.file import WebFile
from sdflow.models.web.names import checked_name, name_in, safe_name
from sdflow.models.web.place import WebPlace
from sdflow.models.web.tree import WebTree
from sdflow.problems import nearest


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
    told = "" if name or name_in(url) else beginning_of(place, url, digest).name
    known = checked_name(url, name, told)
    return WebTree(place, WebFile(url, known, digest), memo, f"`{shown(url)}`")


def civitai_tree(place: WebPlace, version: int, name: str | None, memo: Memo) -> WebTree:
    """The file of a version on Civitai: the one that is named, or else the one that is its main file.

    Raises:
        Refused: there is no such version or file, or Civitai cannot be asked.
    """
    about = civitai_version(place, version)
    file = _chosen(about, name)
    web = WebFile(file.url, safe_name(file.name), f"sha256:{file.sha256}")
    return WebTree(place, web, memo, f"`civitai:{version}`")


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
