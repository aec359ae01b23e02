"""From a file to a recipe with marks: the room's front door."""

from dataclasses import dataclass
from pathlib import Path

from sdflow.problems import Problem, UserError, nearest, problem
from sdflow.recipe.decoding import MAX_BYTES
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.model import Recipe
from sdflow.recipe.sections import read_sections
from sdflow.recipe.yaml12 import parse_yaml


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe and the file it stands in.

    `file` is how messages call it, `base` the folder that its relative paths start from, `identity` what the index
    of runs knows it by. `problems` is empty unless the recipe came from `examine`, which keeps what could be read
    of a broken one; `broken` then names the params whose declaration is wrong.
    """

    recipe: Recipe
    marks: TreeMarks
    file: str
    base: Path
    identity: str
    problems: tuple[Problem, ...] = ()
    broken: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The text of the file."""
        return self.marks.source.text


def read_recipe(path: Path) -> RecipeFile:
    """Read and check the form of a recipe.

    Raises:
        UserError: everything that is wrong with the file, its YAML, its sections, its params and its matrix.
    """
    return _sound(examine_file(path))


def parse_recipe(
    data: bytes, file: str, *, base: Path | None = None, identity: str | None = None
) -> RecipeFile:
    """The same for the bytes of a file; `base` is where its relative paths start, the current folder if left out.

    Raises:
        UserError: as `read_recipe`.
    """
    return _sound(examine(data, file, base=base, identity=identity))


def examine_file(path: Path) -> RecipeFile:
    """Read a recipe and keep what can be kept; its `problems` say what is wrong.

    Raises:
        UserError: nothing can be read.
    """
    data = read_bytes(path)
    return examine(data, str(path), base=path.absolute().parent, identity=str(path.resolve()))


def examine(data: bytes, file: str, *, base: Path | None = None, identity: str | None = None) -> RecipeFile:
    """`examine_file` for the bytes of a file; a recipe without a name is called as the file of its identity."""
    tree = parse_yaml(data, file)
    sections = read_sections(tree, Path(identity or file).stem or "recipe")
    return RecipeFile(
        sections.recipe,
        tree.marks,
        file,
        (base or Path()).absolute(),
        identity or str(Path(file).absolute()),
        tuple(sections.problems),
        sections.broken,
    )


def read_bytes(path: Path) -> bytes:
    """The bytes of a recipe or of a values file, at most one more than are allowed.

    Raises:
        UserError: there is no such file, or the system does not let it be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise problem("SDF100", f"{path}: no such file", hint=_near(path)) from None
    except IsADirectoryError:
        raise problem("SDF100", f"{path} is a folder", hint="give the recipe's file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise problem("SDF100", f"{path} cannot be read: {reason}") from None


def _sound(recipe: RecipeFile) -> RecipeFile:
    if recipe.problems:
        raise UserError(*recipe.problems)
    return recipe


def _near(path: Path) -> str | None:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except FileNotFoundError:
        return f"there is no folder {path.parent}"
    except OSError:
        return None
    close = nearest(path.name, names)
    return f"did you mean {path.with_name(close)}?" if close else None
