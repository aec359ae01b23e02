"""What the hub answers, in the user's words."""

from typing import NoReturn

from sdflow.models.hub_place import HubPlace
from sdflow.models.refused import Refused
from sdflow.problems import nearest

_LOGIN = "Log in with `hf auth login`, or set HF_TOKEN"
_PRECISIONS = {"fp16", "bf16", "fp32"}


def unreachable(place: HubPlace, what: str, reason: str = "") -> Refused:
    """`what` is not here and the network did not help."""
    if place.offline:
        close = nearest(what.strip("`"), place.cached_repos())
        hint = f"On this machine there is `{close}`. " if close and f"`{close}`" != what else ""
        return Refused(
            "SDF309",
            f"{what} is not on this machine, and the hub may not be asked (offline)",
            hint=f"{hint}Run once without --offline and HF_HUB_OFFLINE, or name a local folder.",
        )
    because = f": {reason}" if reason else ""
    return Refused(
        "SDF309",
        f"{what} is not on this machine, and {place.endpoint} could not be asked{because}",
        hint="Check the connection (and HF_ENDPOINT, where it is set), or name a local folder.",
    )


def refuse_answer(error: Exception, place: HubPlace, repo: str, revision: str | None) -> NoReturn:
    """Turn what a call to the hub raised into a problem; what is not the hub's doing is raised as it is."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        raise _gated(place, repo) from error
    if isinstance(error, errors.RevisionNotFoundError):
        raise _no_revision(repo, revision) from error
    if isinstance(error, errors.RepositoryNotFoundError):
        raise _no_repo(place, repo) from error
    if status in {401, 403}:
        reason = "the token was not accepted" if status == 401 else "this account may not read it"  # noqa: PLR2004
        raise Refused(
            "SDF310", f"`{repo}`: {reason}", hint=f"{_LOGIN} of an account that has access."
        ) from error
    if isinstance(error, errors.HfHubHTTPError) and status is not None:
        raise unreachable(place, f"`{repo}`", f"it answered {status}") from error
    if _of_the_network(error):
        raise unreachable(place, f"`{repo}`", _first_line(error)) from error
    raise error


def _of_the_network(error: BaseException) -> bool:
    """Whether it came from the connection; the HTTP library differs between releases of huggingface_hub."""
    return isinstance(error, OSError) or type(error).__module__.split(".")[0].startswith(
        ("httpx", "httpcore", "requests", "urllib3")
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _gated(place: HubPlace, repo: str) -> Refused:
    return Refused(
        "SDF310",
        f"`{repo}` is gated: its licence has to be accepted first",
        hint=f"Accept it at {place.endpoint}/{repo}. {_LOGIN}.",
    )


def _no_revision(repo: str, revision: str | None) -> Refused:
    hint = "A revision is a branch, a tag or a commit; leave it out for `main`."
    if revision in _PRECISIONS:
        hint = f"For the half-precision files write `variant: {revision}` instead."
    return Refused("SDF311", f"`{repo}` has no revision `{revision}`", hint=hint, field="revision")


def _no_repo(place: HubPlace, repo: str) -> Refused:
    close = nearest(repo, place.cached_repos())
    hint = f"On this machine there is `{close}`." if close else f"Check the name. If it is private: {_LOGIN}."
    return Refused("SDF302", f"the hub has no repository `{repo}` that may be read from here", hint=hint)
