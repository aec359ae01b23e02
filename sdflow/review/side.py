"""One side of a comparison: the files of a revision, of the working tree or of a folder, and the recipes among them."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sdflow.review.git import Repository

_RECIPE = re.compile(rb"^sdflow[ \t]*:", re.MULTILINE)
_BEGINNING = 1 << 16


@dataclass(frozen=True, slots=True)
class Side:
    """Files under `root`, which messages call `label`.

    `identity_root` is where a recipe of the same name is run: the index of runs knows it by that path.
    `names` are the files to look for recipes in.
    """

    label: str
    root: Path
    identity_root: Path
    names: tuple[str, ...]

    def recipes(self) -> tuple[str, ...]:
        """The recipes among its files: YAML with `sdflow:` at the beginning of a line."""
        return tuple(sorted(name for name in self.names if self.has_recipe(name)))

    def has_recipe(self, name: str) -> bool:
        """Whether a file is there and is a recipe."""
        if not name.endswith((".yaml", ".yml")):
            return False
        return is_recipe(self.root / name)


def is_recipe(path: Path) -> bool:
    """Whether a file is there and has `sdflow:` at the beginning of a line."""
    try:
        with path.open("rb") as stream:
            return _RECIPE.search(stream.read(_BEGINNING)) is not None
    except OSError:
        return False


def working_tree(repository: Repository) -> Side:
    """The files as they are on the disk; those that git ignores are no part of it."""
    return Side("working tree", repository.root, repository.root, repository.tracked(None))


def folder_side(folder: Path) -> Side:
    """A folder, whether git knows it or not."""
    root = folder.resolve()
    names = tuple(path.relative_to(root).as_posix() for path in sorted(root.rglob("*.y*ml")))
    return Side(str(folder), root, root, names)


@contextmanager
def at_revision(repository: Repository, revision: str, commit: str) -> Iterator[Side]:
    """The files of a commit, with what git does not keep (models, say) from the working tree beside them."""
    with ExitStack() as closing:
        root = Path(closing.enter_context(TemporaryDirectory(prefix="sdflow-review-"))).resolve()
        repository.extract(commit, root)
        for name in repository.untracked():
            link, target = root / name.rstrip("/"), repository.root / name.rstrip("/")
            if not link.exists() and not link.is_symlink():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target, target_is_directory=target.is_dir())
        yield Side(revision, root, repository.root, repository.tracked(commit))
