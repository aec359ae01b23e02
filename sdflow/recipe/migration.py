"""From one version of the recipe format to the next: edits of a text, which leave all else as it was written.

A step is a pure function from a tree of version n to the edits that make it version n + 1; the number itself is
changed here. Edits name places by the marks of the strict reader, so that comments, order and layout stay.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.problems import Problem, UserError
from sdflow.recipe.decoding import decode
from sdflow.recipe.formats import unknown_version
from sdflow.recipe.marks import Mark, TreeMarks
from sdflow.recipe.model import json_type
from sdflow.recipe.resolved import to_json, yaml_scalar
from sdflow.recipe.source import Source
from sdflow.recipe.yaml12 import Tree, parse_text

Path = Sequence[str | int]


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The characters from `start` to before `end` become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """How a recipe of format `version` becomes one of the next version; `says` is that in a few words."""

    version: int
    says: str
    edits: Callable[[Tree], Iterable[Edit]]


@dataclass(frozen=True, slots=True)
class Migrated:
    """A text in the newest version, and the steps that led there: none where it was current."""

    before: str
    after: str
    version: int
    steps: tuple[Step, ...]


def migrated(data: bytes, file: str, steps: Sequence[Step]) -> Migrated:
    """The bytes of a recipe, brought from its version through all `steps` from there on.

    Raises:
        UserError: what is wrong with its YAML; SDF116, SDF118, it has no version, or one that nobody here knows;
            SDF788, a step made something that is no longer that recipe.
    """
    source = decode(data, file)
    tree = _tree(source)
    version = _version(tree, steps)
    done: list[Step] = []
    for step in steps:
        if step.version < version:
            continue
        number = replaced_value(tree.marks, ["sdflow"], step.version + 1)
        try:
            text = edited(tree.marks.source.text, [*step.edits(tree), number])
            tree = _tree(Source(file, text))
        except (UserError, ValueError) as error:
            message = (
                f"{file} cannot be brought from format version {step.version} to {step.version + 1}: {error}"
            )
            raise UserError(
                Problem("SDF788", message, hint="nothing was written; please report this recipe")
            ) from error
        done.append(step)
    return Migrated(source.text, tree.marks.source.text, version, tuple(done))


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; equal ones count once, for an alias repeats what is written once.

    Raises:
        ValueError: two of them are about the same characters.
    """
    parts: list[str] = []
    end = 0
    for edit in sorted(set(edits)):
        if edit.start < end:
            raise ValueError(f"two edits of the characters from {edit.start}")
        parts += [text[end : edit.start], edit.text]
        end = edit.end
    return "".join([*parts, text[end:]])


def renamed_key(marks: TreeMarks, path: Path, name: str) -> Edit:
    """Another key for the value at `path`, which stays as it is written.

    Raises:
        KeyError: there is nothing at `path`, or it has no key.
    """
    mark = _mark(marks, path)
    if mark.key_start < 0:
        raise KeyError(path[-1])
    return Edit(mark.key_start, mark.key_end, _written(name, marks.source.text, mark.key_start))


def replaced_value(marks: TreeMarks, path: Path, value: Json) -> Edit:
    """Another value at `path`, in flow form where it is a list or a mapping.

    Raises:
        KeyError: there is nothing at `path`.
    """
    mark = _mark(marks, path)
    text = _written(value, marks.source.text, mark.start)
    if mark.start == mark.key_start:  # nothing is written there: `key:`
        colon = marks.source.text.index(":", mark.key_end)
        return Edit(colon + 1, colon + 1, f" {text}")
    return Edit(mark.start, mark.end, text)


def _written(value: Json, text: str, start: int) -> str:
    """A value in the manner of what stands there: in quotes where that has some, and wherever the text is JSON."""
    quoted = text[start : start + 1] in ("'", '"') or text.lstrip()[:1] == "{"
    return to_json(value) if quoted else yaml_scalar(value)


def _mark(marks: TreeMarks, path: Path) -> Mark:
    return marks.part(*path).mark


def _tree(source: Source) -> Tree:
    """A text as a tree.

    Raises:
        UserError: its YAML is wrong, or it is no mapping.
    """
    tree = parse_text(source)
    problems = list(tree.problems)
    if not isinstance(tree.value, dict):
        message = f"a recipe is a mapping, not {json_type(tree.value)}"
        problems.append(
            Problem("SDF119", message, tree.marks.value_position(), hint="begin with `sdflow: 1`")
        )
    if problems:
        raise UserError(*problems)
    return tree


def _version(tree: Tree, steps: Sequence[Step]) -> int:
    """The version that a recipe says.

    Raises:
        UserError: SDF116, SDF118.
    """
    newest = steps[-1].version + 1 if steps else None
    version = tree.value.get("sdflow") if isinstance(tree.value, dict) else None
    known = {step.version for step in steps} | ({newest} if newest is not None else set())
    if version is None:
        hint = "this may be no recipe; one begins with `sdflow: 1`"
        position = tree.marks.value_position()
        raise UserError(Problem("SDF118", "the recipe does not say its format version", position, hint=hint))
    if type(version) is int and (version in known or (not steps and version == 1)):
        return version
    raise UserError(unknown_version(version, newest or 1, tree.marks))
