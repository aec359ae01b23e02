"""From a repository on the hub to its files: what was seen of it before needs no network."""

from sdflow.models.context import Context
from sdflow.models.hub_api import fetch_listing
from sdflow.models.hub_listing import known_commit, load_listing, save_listing
from sdflow.models.hub_tree import HubTree
from sdflow.models.tree import FolderTree, Tree


def hub_tree(repo: str, revision: str | None, context: Context) -> Tree:
    """The files of a revision, as they are known here; else as the hub lists them."""
    return _known_tree(repo, revision, context) or listed_tree(repo, revision, context)


def listed_tree(repo: str, revision: str | None, context: Context) -> Tree:
    """All files of a revision, as the hub lists them; remembered for the next time."""
    known = known_commit(context.hub, repo, revision)
    listing = fetch_listing(context.hub, repo, known or revision)
    save_listing(context.hub, repo, revision, listing)
    return HubTree(context.hub, listing, context.memo, _label(repo, listing.repo), context.web)


def latest_commit(repo: str, revision: str | None, context: Context) -> str:
    """The commit that the hub means by a revision today, whatever is known of it here.

    Raises:
        Refused: the hub cannot be asked, or knows no such thing.
    """
    listing = fetch_listing(context.hub, repo, revision)
    save_listing(context.hub, repo, listing.commit, listing)
    return listing.commit


def _known_tree(repo: str, revision: str | None, context: Context) -> Tree | None:
    commit = known_commit(context.hub, repo, revision)
    if commit is None:
        return None
    listing = load_listing(context.hub, repo, commit)
    if listing is not None:
        return HubTree(context.hub, listing, context.memo, _label(repo, listing.repo), context.web)
    snapshot = context.hub.snapshot(repo, commit)
    return (
        FolderTree(snapshot, context.memo, f"`{repo}`", snapshot_of=(repo, commit))
        if snapshot.is_dir()
        else None
    )


def _label(asked: str, name: str) -> str:
    return f"`{asked}`" if asked == name else f"`{asked}` (now `{name}`)"
