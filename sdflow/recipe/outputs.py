"""The output files of every cell: their names filled in, and no two of them the same file."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sdflow.composition import Json, OutputSpec, Ref
from sdflow.problems import Position, Problem
from sdflow.recipe.matrix import labels
from sdflow.recipe.reading import RecipeFile
from sdflow.recipe.references import BadReferenceError, read_text
from sdflow.recipe.safe_names import LONGEST_NAME, safe_value
from sdflow.recipe.templates import Template, read_template

SINGLE_CELL = "single"
"""What `{cell}` shows in a recipe without a matrix."""
_INDEX = re.compile(r"\{index(?::[^{}]*)?\}")


@dataclass(frozen=True, slots=True)
class Output:
    """One entry of `outputs`. Without a template, its name is wrong, and only its reference can be looked at."""

    template: Template | None
    ref: Ref
    position: Position
    name_position: Position

    @property
    def params(self) -> tuple[str, ...]:
        """The params that its name shows."""
        return self.template.params if self.template is not None else ()


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    output: Output
    cell: int


def read_outputs(recipe: RecipeFile, problems: list[Problem]) -> list[Output]:
    """The outputs whose reference is well written; all that is wrong is noted."""
    outputs: list[Output] = []
    known = {**dict.fromkeys(recipe.broken), **recipe.recipe.params}
    for path, text in recipe.recipe.outputs.items():
        place = ("outputs", path)
        template, mistakes = read_template(
            path, {name: param for name, param in known.items() if param is not None and not param.wired}
        )
        for mistake in mistakes:
            if not any(f"{{params.{name}" in mistake.part for name in recipe.broken):
                position = recipe.marks.inside(place, mistake.part, mistake.offset, key=True)
                problems.append(Problem(mistake.code, mistake.message, position, hint=mistake.hint))
        ref = _reference(text, recipe.marks.at(place), problems)
        if ref is not None:
            name_position = recipe.marks.at(place, key=True)
            outputs.append(Output(None if mistakes else template, ref, recipe.marks.at(place), name_position))
    return outputs


def _reference(text: str, position: Position, problems: list[Problem]) -> Ref | None:
    try:
        ref = read_text(text)
    except BadReferenceError as error:
        problems.append(Problem("SDF130", str(error), position, hint=error.hint))
        return None
    if isinstance(ref, Ref):
        return ref
    hint = (
        f"write `${text}`"
        if isinstance(ref, str) and text.isidentifier()
        else "write `$node` or `$node.port`"
    )
    problems.append(
        Problem("SDF130", f"an output is a node, `$node`, not `{text[:40]}`", position, hint=hint)
    )
    return None


def output_files(
    recipe: RecipeFile,
    outputs: Sequence[Output],
    cells: Sequence[Mapping[str, Json]],
    cell_labels: Sequence[str],
    problems: list[Problem],
) -> list[tuple[OutputSpec, ...]]:
    """The outputs of every cell. Collisions and names that are too long are noted, one per entry of `outputs`."""
    name = safe_value(recipe.recipe.name)
    cell_names = _cell_names(cell_labels)
    files = [
        _File(output.template.fill(name, cell_name, params), output, number)
        for number, (params, cell_name) in enumerate(zip(cells, cell_names, strict=True))
        for output in outputs
        if output.template is not None
    ]
    problems.extend(_collisions(files, cells))
    problems.extend(_too_long(files))
    nameless = [OutputSpec("", output.ref, output.position) for output in outputs if output.template is None]
    specs: list[list[OutputSpec]] = [nameless.copy() for _ in cells]
    for file in files:
        specs[file.cell].append(OutputSpec(file.path, file.output.ref, file.output.position))
    return [tuple(cell) for cell in specs]


def _cell_names(cell_labels: Sequence[str]) -> list[str]:
    """The labels as parts of file names; no two are the same file to a system that ignores case."""
    if list(cell_labels) == [""]:
        return [SINGLE_CELL]
    safe = [safe_value(label) for label in cell_labels]
    if len({name.casefold() for name in safe}) == len(safe):
        return safe
    return [f"{number + 1}-{name}" for number, name in enumerate(safe)]


def _same_file(path: str) -> str:
    """What two paths have in common when some file system takes them for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _keys(path: str) -> list[str]:
    """The file itself and, without `{index}`, every pattern with `{index}` that one of its numbers could fill."""
    same = _same_file(path)
    if _INDEX.search(same):
        return [_INDEX.sub("{index}", same)]
    return [
        same,
        *(same[: run.start()] + "{index}" + same[run.end() :] for run in re.finditer(r"[0-9]+", same)),
    ]


def _collisions(files: Sequence[_File], cells: Sequence[Mapping[str, Json]]) -> list[Problem]:
    taken: dict[str, _File] = {}
    folders: dict[str, _File] = {}
    found: dict[int, Problem] = {}
    for file in files:
        key = _keys(file.path)[0]
        other = taken.setdefault(key, file)
        if other is not file:
            found.setdefault(id(file.output), _collision(other, file, cells))
        parts = key.split("/")
        for depth in range(1, len(parts)):
            folders.setdefault("/".join(parts[:depth]), file)
    for file in files:
        key, *patterns = _keys(file.path)
        clash = next((taken[pattern] for pattern in patterns if pattern in taken), None)
        if clash is not None:
            found.setdefault(id(file.output), _collision(clash, file, cells))
        if key in folders:
            inside = folders[key]
            message = f"`{file.path}` is a file and, for `{inside.path}`, a folder"
            found.setdefault(id(file.output), Problem("SDF154", message, file.output.name_position))
    return list(found.values())


def _collision(first: _File, second: _File, cells: Sequence[Mapping[str, Json]]) -> Problem:
    position = second.output.name_position
    if first.output is not second.output:
        other = first.output.name_position
        message = f"`{second.path}` is also written by the output in line {other.line}"
        return Problem("SDF154", message, position, hint="give them different names")
    left, right = cells[first.cell], cells[second.cell]
    differing = [name for name in right if left.get(name) != right[name]] or list(right)
    missing = [name for name in differing if name not in second.output.params]
    where = " and ".join(f"`{label}`" for label in labels([_only(left, differing), _only(right, differing)]))
    message = f"the cells {where} would both be written to `{second.path}`"
    add = f"{{params.{missing[0]}}}" if missing else "{cell}"
    return Problem("SDF154", message, position, hint=f"add `{add}` to the name")


def _only(params: Mapping[str, Json], names: Sequence[str]) -> dict[str, Json]:
    return {name: params[name] for name in names if name in params}


def _too_long(files: Sequence[_File]) -> list[Problem]:
    found: dict[int, Problem] = {}
    for file in files:
        longest = max(file.path.split("/"), key=lambda part: len(part.encode("utf-8", "surrogatepass")))
        if len(longest.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
            message = f"`{longest[:30]}…` has more than {LONGEST_NAME} bytes"
            problem = Problem("SDF155", message, hint="use fewer or shorter placeholders")
            found.setdefault(id(file.output), replace(problem, position=file.output.name_position))
    return list(found.values())
