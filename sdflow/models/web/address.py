"""Web addresses and Civitai's names, as people copy them, and what they name."""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit, urlunsplit

from sdflow.models.refused import Refused
from sdflow.models.source_kinds import CivitaiSource, HubSource, UrlSource

_HUB = {"huggingface.co", "www.huggingface.co", "hf.co"}
_CIVITAI = {"civitai.com", "www.civitai.com", "civitai.green", "civitai.red"}
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_VERSION = re.compile(r"(?:civitai:|urn:air:[^:]+:[^:]+:civitai:)(?:\d+@)?(\d{1,12})(?:\.\w+)?")
_LEAST_HUB_PARTS = 2


def is_address(text: str) -> bool:
    """Whether a source is an address, rather than a path or a hub id."""
    return "://" in text or text.startswith(("civitai:", "urn:air:"))


def parse_address(text: str) -> HubSource | UrlSource | CivitaiSource:
    """What an address names: a repository or a file of the hub, a version on Civitai, or a file anywhere else.

    Raises:
        Refused: nothing is read from there.
    """
    if "://" not in text:
        return _civitai_name(text)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused("SDF301", f"`{text}` is not a valid address: {error}") from error
    inside = [unquote(part) for part in parts.path.split("/") if part]
    if parts.scheme in {"http", "https"} and host in _HUB:
        return _on_the_hub(text, inside)
    if parts.scheme in {"http", "https"} and host in _CIVITAI:
        return CivitaiSource(_civitai_version(parts, inside, text))
    check_scheme(text)
    if parts.username is not None or parts.password is not None:
        raise Refused(
            "SDF301",
            f"the address at `{host}` holds a name or a password, which a recipe should not",
            hint="Download the file by other means and name it by its path.",
        )
    if not inside:
        raise Refused("SDF301", f"`{text}` names no file", hint="Give the address of the file itself.")
    return UrlSource(urlunsplit(parts._replace(fragment="")))


def check_scheme(url: str) -> None:
    """Refuse what is not https; http is good enough between programs on this machine.

    Raises:
        Refused: it is something else.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and is_this_machine(url):
        return
    hint = None
    if parts.scheme == "file":
        hint = f"Write the path alone: `{unquote(parts.path)}`."
    elif parts.scheme == "http":
        hint = "Write `https://` where the server has it, or download the file and name it by its path."
    raise Refused("SDF303", f"models are read over https only, and `{url}` is not", hint=hint)


def is_this_machine(url: str) -> bool:
    """Whether an address is one of the machine that sdflow runs on."""
    return urlsplit(url).hostname in _LOCAL


def _on_the_hub(text: str, inside: list[str]) -> HubSource:
    if len(inside) < _LEAST_HUB_PARTS or inside[0] in {"datasets", "spaces", "collections", "docs", "blog"}:
        raise Refused(
            "SDF301", f"`{text}` is no model on the hub", hint="Write `owner/name`, or a file's own address."
        )
    repo = f"{inside[0]}/{inside[1]}"
    kind, revision, rest = inside[2] if len(inside) > 2 else "", None, inside[4:]  # noqa: PLR2004
    if kind in {"resolve", "blob", "tree", "raw"} and len(inside) > 3:  # noqa: PLR2004
        revision = inside[3]
        if rest[:1] and revision == "refs":  # refs/pr/1, written with its slashes
            revision, rest = "/".join(inside[3:6]), inside[6:]
    elif kind:
        raise Refused(
            "SDF301", f"`{text}` is a page about a model", hint=f"Write the hub id alone: `{repo}`."
        )
    within = "/".join(rest) or None
    if kind in {"resolve", "blob", "raw"}:
        if within is None:
            raise Refused("SDF301", f"`{text}` names no file", hint=f"Write the hub id alone: `{repo}`.")
        return HubSource(repo, revision, file=within)
    return HubSource(repo, revision, subfolder=within)


def _civitai_name(text: str) -> CivitaiSource:
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        raise Refused(
            "SDF301",
            f"`{text}` is no model version on Civitai",
            hint="Write `civitai:` and the number of the version: what follows `modelVersionId=` in the address.",
        )
    return CivitaiSource(int(found[1]))


def _civitai_version(parts: SplitResult, inside: list[str], text: str) -> int:
    query = parse_qs(parts.query)
    if "token" in query:
        raise Refused(
            "SDF301",
            "the address holds a Civitai token, which belongs in no recipe",
            hint="Set CIVITAI_API_TOKEN, and leave `token=…` out.",
        )
    version = query.get("modelVersionId", [""])[0]
    if inside[:3] in (["api", "download", "models"], ["api", "v1", "model-versions"]):
        version = inside[3] if len(inside) > 3 else ""  # noqa: PLR2004
    elif inside[:1] == ["model-versions"]:
        version = inside[1] if len(inside) > 1 else ""
    if not re.fullmatch(r"\d{1,12}", version):
        raise Refused(
            "SDF301",
            f"`{text}` does not say which version is meant",
            hint="Choose a version on the page: its address then ends in `?modelVersionId=…`.",
        )
    return int(version)
