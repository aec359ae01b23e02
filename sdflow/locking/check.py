"""A lock against the world as it is now."""

from collections.abc import Iterator, Sequence

from sdflow.composition import UsedRecipe
from sdflow.graph.build import Graph, GraphNode
from sdflow.graph.facts import Facts, FileNeed
from sdflow.graph.node import Need
from sdflow.locking.lock import Lock, Pin
from sdflow.locking.make import found_places
from sdflow.problems import Problem, UserError

_MOVE = "put the old bytes back, or accept the new ones with `sdflow lock`"
_COVER = "add it with `sdflow lock`"


def check_lock(graph: Graph, facts: Facts, lock: Lock, file: str, *, strict: bool) -> None:
    """Refuse what has other bytes than the lock says; with `strict`, what the lock does not cover, too.

    Raises:
        UserError: SDF753, other bytes, with both digests; SDF754, not covered; SDF755, another version of a node.
    """
    problems: dict[Problem, None] = {}
    for item in graph.nodes:
        for need in item.node.needs():
            for code, message in _differences(need, facts, lock, file, strict=strict):
                hint = _MOVE if code == "SDF753" else _COVER
                problems[_placed(Problem(code, message, hint=hint), item, need)] = None
        before = lock.nodes.get(item.node.name)
        if strict and before != item.node.version:
            message = f"{item.node.name} is version {item.node.version}, and {before or 'not'} in {file}"
            problems[Problem("SDF755", message, hint=_COVER)] = None
    if problems:
        raise UserError(*problems)


def check_recipes(uses: Sequence[UsedRecipe], lock: Lock, file: str) -> None:
    """Refuse recipes that are used and that say something else than when the lock was made.

    Raises:
        UserError: SDF753, another text, with both digests; SDF754, not covered.
    """
    problems: list[Problem] = []
    for used in uses:
        pinned = lock.recipes.get(used.name)
        if pinned is None:
            problems.append(Problem("SDF754", f"{file} does not cover {used.name}", hint=_COVER))
        elif pinned.digest != used.digest:
            problems.append(Problem("SDF753", _other(used.name, pinned, used.digest, file), hint=_MOVE))
    if problems:
        raise UserError(*problems)


def _differences(
    need: Need, facts: Facts, lock: Lock, file: str, *, strict: bool
) -> Iterator[tuple[str, str]]:
    if isinstance(need, FileNeed):
        found = facts.file(need.path)
        pinned = lock.inputs.get(need.path)
        if pinned is None and strict:
            yield "SDF754", f"{file} does not cover {need.path}"
        elif pinned is not None and pinned.digest != found.digest:
            yield "SDF753", _other(need.path, pinned, found.digest, file)
        return
    for name, place in found_places(need, facts).items():
        there = lock.places.get(name)
        if there is None:
            if strict:
                yield "SDF754", f"{file} does not cover {name}"
            continue
        for path, pin in place.files.items():
            pinned = there.files.get(path)
            if pinned is None:
                if strict or there.revision == place.revision != "":
                    yield "SDF754", f"{file} does not cover {path} of {name}"
            elif pinned.digest != pin.digest:
                yield "SDF753", _other(f"{path} of {name}", pinned, pin.digest, file)


def _other(what: str, pinned: Pin, digest: str, file: str) -> str:
    return f"{what} is another file than in {file}: {digest} now, {pinned.digest} there"


def _placed(it: Problem, item: GraphNode, need: Need) -> Problem:
    origin = item.origins[0]
    field = need.field if isinstance(need, FileNeed) else ("source",)
    return it.placed(origin.at(field), origin.name)
