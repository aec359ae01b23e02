"""One request to a web server: what may be asked of whom, and what its answer means."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from sdflow.models.refused import Refused
from sdflow.models.web.address import check_scheme
from sdflow.models.web.place import CIVITAI, WebPlace
from sdflow.version import __version__

if TYPE_CHECKING:
    import httpx2

_MOST_REDIRECTS = 10
_PATIENCE = 30.0
"""Seconds without a byte after which a connection counts as broken."""


class ConnectionLostError(Exception):
    """The network failed on the way; asking again may help."""


@contextmanager
def opened(
    place: WebPlace, url: str, headers: Mapping[str, str] | None = None, *, also: Collection[int] = ()
) -> Iterator["httpx2.Response"]:
    """The answer to a GET, its body not yet read; redirects are followed, but never out of https.

    `headers` other than those of the place go along. What proves who asks goes to the first host alone. Of error
    statuses, those in `also` are answers, too.

    Raises:
        Refused: offline, or the server refuses.
        ConnectionLostError: no connection, or it broke while the answer was read.
    """
    if place.offline:
        raise Refused(
            "SDF309",
            f"`{shown(url)}` is not on this machine, and the web may not be asked (offline)",
            hint="Run once without HF_HUB_OFFLINE, or name a file on this disk.",
        )
    import httpx2

    agent = {"User-Agent": f"sdflow/{__version__}", "Accept-Encoding": "identity"}
    try:
        with httpx2.Client(timeout=_PATIENCE, headers=agent) as client:
            request = client.build_request("GET", url, headers={**place.headers(url), **(headers or {})})
            response = _follow(client, request)
            try:
                if response.status_code >= 400 and response.status_code not in also:  # noqa: PLR2004  # errors
                    refuse_status(place, url, response)
                _refuse_no_file(url, response)
                yield response
            finally:
                response.close()
    except httpx2.InvalidURL as error:
        raise Refused("SDF301", f"`{shown(url)}` is not a valid address: {error}") from error
    except httpx2.HTTPError as error:
        raise ConnectionLostError(_first_line(error)) from error


def _follow(client: "httpx2.Client", request: "httpx2.Request") -> "httpx2.Response":
    first = str(request.url)
    for _ in range(_MOST_REDIRECTS):
        check_scheme(str(request.url))
        response = client.send(request, stream=True, follow_redirects=False)
        following = response.next_request
        if following is None:
            return response
        response.close()
        if request.url.scheme == "https" and following.url.scheme != "https":
            raise Refused("SDF309", f"`{shown(first)}` leads to `{shown(str(following.url))}`, without https")
        if following.url.path.rstrip("/") == "/login":
            raise Refused("SDF310", f"`{shown(first)}` is given only to who is logged in", hint=_LOGIN)
        request = following
    raise Refused("SDF309", f"`{shown(first)}` leads from one address to the next without end")


_LOGIN = "Make an API key in the settings of your account there, and set CIVITAI_API_TOKEN to it."


def refuse_status(place: WebPlace, url: str, response: "httpx2.Response") -> NoReturn:
    """Say what an error status means for the user."""
    status, what = response.status_code, f"`{shown(url)}`"
    host = urlsplit(url).hostname
    if status in {404, 410}:
        raise Refused("SDF302", f"there is nothing at {what}", hint="It may have been renamed or taken down.")
    if status in {401, 403}:
        if _is_civitai(place, url):
            reason = "the token was not accepted" if place.civitai_token else "it wants a token"
            hint = _LOGIN
            if status == 403:  # noqa: PLR2004
                reason = "this account may not read it; perhaps it is in early access"
                hint = "Look at its page: early access ends, or is bought there."
            raise Refused("SDF310", f"{what}: {reason}", hint=hint)
        raise Refused(
            "SDF310",
            f"{what}: {host} does not give it to everyone ({status})",
            hint="Download it by other means, and name the file by its path.",
        )
    if status == 429:  # noqa: PLR2004
        wait = response.headers.get("Retry-After", "")
        when = f"Try again in {wait} seconds." if wait.isdigit() else "Try again later."
        raise Refused("SDF309", f"{host} has had too many requests from here", hint=when)
    raise unreachable(url, f"it answered {status}")


def _refuse_no_file(url: str, response: "httpx2.Response") -> None:
    if response.is_success and response.headers.get("Content-Type", "").startswith("text/html"):
        raise Refused(
            "SDF305",
            f"`{shown(url)}` is a web page, and no file",
            hint="Give the address of the file itself.",
        )
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused("SDF317", f"`{shown(url)}` is sent compressed, which sdflow does not read")


def unreachable(url: str, reason: str) -> Refused:
    """The network, or the server, did not help."""
    return Refused(
        "SDF309",
        f"`{shown(url)}` could not be asked: {reason}",
        hint="Check the connection and the address, or name a file on this disk.",
    )


def shown(url: str) -> str:
    """An address for a message: without its query, which may hold a key."""
    return url.partition("?")[0]


def _is_civitai(place: WebPlace, url: str) -> bool:
    return urlsplit(url).hostname in {urlsplit(place.civitai).hostname, urlsplit(CIVITAI).hostname}


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
