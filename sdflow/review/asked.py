"""What `sdflow diff A B RECIPE…` asks for: two sides, and which recipes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sdflow.problems import UserError, nearest, problem
from sdflow.review.git import Repository
from sdflow.review.side import Side, at_revision, folder_side, working_tree

_YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Pair:
    """One recipe on both sides, by its name there; empty where it is not."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Two sides, and the recipes to compare."""

    before: Side
    after: Side
    pairs: tuple[Pair, ...]


@contextmanager
def asked(arguments: Sequence[str], here: Path) -> Iterator[Asked]:
    """Read the arguments: revisions or folders first, then recipes; or two recipes to compare with each other.

    Without a revision, what is not committed yet is compared with the last commit.

    Raises:
        UserError: SDF740, this is no git repository; SDF741, no such revision or recipe.
    """
    if len(arguments) == 2 and all(_is_recipe(here, it) for it in arguments):  # noqa: PLR2004 - a pair
        one, two = (here / it for it in arguments)
        sides = [Side(it, (here / it).parent, (here / it).parent, (Path(it).name,)) for it in arguments]
        yield Asked(sides[0], sides[1], (Pair(one.name, two.name),))
        return
    repository = Repository.around(here)
    words = list(arguments)
    with ExitStack() as closing:
        found: list[tuple[Side, str | None]] = []
        while words and len(found) < 2:  # noqa: PLR2004 - two sides
            more = _sides(words[0], repository, here, closing)
            if not more or (found and len(more) + len(found) > 2):  # noqa: PLR2004
                break
            found += more
            words.pop(0)
        if not found:
            found = _sides("HEAD", _required(repository), here, closing) or _no_commit()
        if len(found) == 1:
            found.append((working_tree(_required(repository)), None))
        (before, old), (after, new) = found
        moved = repository.renamed(old, new) if repository is not None and old is not None else {}
        yield Asked(before, after, tuple(_pairs(before, after, moved, words, here)))


def _no_commit() -> list[tuple[Side, str | None]]:
    raise problem("SDF741", "there is no commit yet to compare with", hint="commit the recipes first")


def _is_recipe(here: Path, word: str) -> bool:
    return word.endswith(_YAML) and (here / word).is_file()


def _sides(
    word: str, repository: Repository | None, here: Path, closing: ExitStack
) -> list[tuple[Side, str | None]]:
    """The side, or for `A..B` the two sides, that a word names; none where it names a recipe."""
    if word.endswith(_YAML):
        return []
    if (here / word).is_dir() and (repository is None or repository.commit(word) is None):
        return [(folder_side(here / word), None)]
    names = word.split("..", 1) if ".." in word and "..." not in word else [word]
    found: list[tuple[Side, str | None]] = []
    for name in names:
        revision = name or "HEAD"
        commit = _required(repository).commit(revision)
        if commit is None:
            hint = "give a commit, a branch or a tag, such as HEAD~1; names of recipes end in .yaml"
            raise problem("SDF741", f"git knows no revision {revision}", hint=hint)
        found.append((closing.enter_context(at_revision(_required(repository), revision, commit)), commit))
    return found


def _required(repository: Repository | None) -> Repository:
    if repository is None:
        hint = "give two recipes or two folders, or run it inside a git repository"
        raise problem("SDF740", "this folder is in no git repository", hint=hint)
    return repository


def _pairs(
    before: Side, after: Side, moved: Mapping[str, str], words: Sequence[str], here: Path
) -> Iterator[Pair]:
    """`moved` gives the old name of a recipe by its new one."""
    if not words:
        old, new = before.recipes(), after.recipes()
        come = {moved.get(name, name) for name in new}
        yield from (Pair(moved.get(name, name) if moved.get(name, name) in old else "", name) for name in new)
        yield from (Pair(name, "") for name in old if name not in come)
        return
    unknown: list[UserError] = []
    for word in words:
        name = _name_of(word, after, here)
        was = moved.get(name, name)
        pair = Pair(was if before.has_recipe(was) else "", name if after.has_recipe(name) else "")
        if pair == Pair("", ""):
            close = nearest(name, (*after.recipes(), *before.recipes()))
            hint = f"did you mean {close}?" if close else None
            unknown.append(problem("SDF741", f"there is no recipe {word} on either side", hint=hint))
        else:
            yield pair
    if unknown:
        raise UserError(*(found for error in unknown for found in error.problems))


def _name_of(word: str, side: Side, here: Path) -> str:
    """A file's name from the root of a side, from what a user in the folder `here` calls it."""
    path = (here / word).absolute()
    for root in (side.identity_root, side.root):
        try:
            return path.resolve().relative_to(root.resolve()).as_posix()
        except ValueError:
            continue
    return Path(word).as_posix()
