"""The calls to the hub. The only file that uses the network, and the only slow import."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from sdflow.models.hub_errors import refuse_answer, unreachable
from sdflow.models.hub_listing import HubFile, Listing
from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import Refused

Advance: TypeAlias = Callable[[int], None]
"""Told how many more bytes have arrived."""


def fetch_listing(place: HubPlace, repo: str, revision: str | None) -> Listing:
    """Ask the hub which files a revision has; a renamed repository is followed.

    Raises:
        Refused: offline, no connection, no such repository or revision, no access.
    """
    if place.offline:
        raise unreachable(place, f"`{repo}`")
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=place.endpoint, token=place.token).model_info(
            repo, revision=revision, files_metadata=True
        )
    except Exception as error:  # noqa: BLE001  # sorted out there, and raised again when it is not the hub's
        refuse_answer(error, place, repo, revision)
    files = {
        it.rfilename: HubFile(int(it.size or 0), str(it.lfs["sha256"]) if it.lfs else None)
        for it in info.siblings or ()
    }
    if not info.sha:
        raise Refused("SDF309", f"{place.endpoint} did not say which commit `{repo}` is at")
    return Listing(info.id or repo, info.sha, files)


def download(place: HubPlace, repo: str, commit: str, name: str, advance: Advance | None = None) -> Path:
    """Bring one file into the hub's cache, going on where an earlier download stopped; its path there.

    Raises:
        Refused: offline, no connection, no access.
    """
    if place.offline:
        raise unreachable(place, f"`{name}` of `{repo}`")
    from huggingface_hub import hf_hub_download

    from sdflow.models.hub_progress import silent_bar

    try:
        path = hf_hub_download(
            repo,
            name,
            revision=commit,
            cache_dir=place.cache,
            endpoint=place.endpoint,
            token=place.token,
            tqdm_class=silent_bar(advance),
        )
    except Exception as error:  # noqa: BLE001  # as above
        refuse_answer(error, place, repo, commit)
    return Path(path)


def address_of(place: HubPlace, repo: str, commit: str, name: str) -> tuple[str, dict[str, str]]:
    """The web address of a file, and the headers that prove who asks for it."""
    from huggingface_hub import hf_hub_url, utils

    url = hf_hub_url(repo, name, revision=commit, endpoint=place.endpoint)
    proof = utils.build_hf_headers(token=place.token)  # type: ignore[attr-defined]  # documented, not in __all__
    return url, {str(key): str(value) for key, value in proof.items() if key.lower() == "authorization"}
