"""From the tree of a file to a `Recipe`: the form of every section, all mistakes noted, as much kept as can be."""

from dataclasses import dataclass, field
from typing import Any

from sdflow.composition import Json
from sdflow.problems import Position, Problem, UserError, nearest
from sdflow.recipe.axes import read_matrix
from sdflow.recipe.declarations import read_params
from sdflow.recipe.findings import Findings
from sdflow.recipe.formats import unknown_version
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.model import FORMAT_VERSION, Matrix, Param, Recipe, json_type
from sdflow.recipe.references import NODE_RULE, is_node_name
from sdflow.recipe.yaml12 import Tree

_KEYS = ("sdflow", "name", "description", "params", "nodes", "outputs", "matrix")


@dataclass(slots=True)
class Sections:
    """A recipe as far as it could be read.

    `broken` names the params whose declaration is wrong: references to them are no mistakes of their own.
    """

    recipe: Recipe
    problems: list[Problem]
    broken: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Reader:
    tree: dict[str, Json]
    marks: TreeMarks
    problems: list[Problem] = field(default_factory=Findings)

    def note(self, code: str, message: str, position: Position, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, position, hint=hint))

    def text(self, key: str, default: str) -> str:
        """A text at the top level."""
        value = self.tree.get(key, default)
        if isinstance(value, str) and (value.strip() or key != "name"):
            return value
        shown = json_type(value) if not isinstance(value, str) else "empty"
        self.note("SDF119", f"`{key}` must be a text, not {shown}", self.marks.at([key]), "quote it")
        return default

    def mapping(self, key: str, of: str) -> dict[str, Json]:
        """A mapping at the top level that must be there and hold something."""
        if key not in self.tree:
            self.note(
                "SDF118", f"the recipe has no `{key}`", self.start(), f"add `{key}:`, a mapping of {of}"
            )
            return {}
        value = self.tree[key]
        if isinstance(value, dict) and value:
            return value
        shown = "an empty one" if isinstance(value, dict) else json_type(value)
        self.note("SDF119", f"`{key}` must be a mapping of {of}, not {shown}", self.marks.at([key], key=True))
        return {}

    def start(self) -> Position:
        """The first key of the recipe, for what is missing in it."""
        return self.marks.at([next(iter(self.tree))], key=True) if self.tree else self.marks.value_position()


def read_sections(tree: Tree, name: str) -> Sections:
    """The recipe in a tree; `name` is its name where it gives none.

    Raises:
        UserError: it is no mapping, or of another format version, so that nothing more can be said.
    """
    if not isinstance(tree.value, dict):
        hint = "begin with `sdflow: 1`"
        shown = json_type(tree.value)
        found = Problem(
            "SDF119", f"a recipe is a mapping, not {shown}", tree.marks.value_position(), hint=hint
        )
        raise UserError(*tree.problems, found)
    reader = _Reader(tree.value, tree.marks, Findings(tree.problems))
    _check_version(reader)
    _check_keys(reader)
    params, broken = _read_params(reader)
    matrix = _read_matrix(reader, params, broken)
    recipe = Recipe(
        sdflow=FORMAT_VERSION,
        name=reader.text("name", name),
        description=reader.text("description", ""),
        params=params,
        nodes=_read_nodes(reader),
        outputs=_read_outputs(reader),
        matrix=matrix,
    )
    return Sections(recipe, reader.problems, broken)


def _check_version(reader: _Reader) -> None:
    if "sdflow" not in reader.tree:
        hint = f"begin with `sdflow: {FORMAT_VERSION}`"
        reader.note("SDF118", "the recipe does not say its format version", reader.start(), hint)
        return
    version = reader.tree["sdflow"]
    if version == FORMAT_VERSION and type(version) is int:
        return
    found = unknown_version(version, FORMAT_VERSION, reader.marks)
    if type(version) is int:
        raise UserError(found)
    reader.problems.append(found)


def _check_keys(reader: _Reader) -> None:
    for key, value in reader.tree.items():
        if key in _KEYS:
            continue
        close = nearest(key, _KEYS)
        hint = f"did you mean `{close}`?" if close else f"a recipe has {', '.join(_KEYS)}"
        if close is None and isinstance(value, dict) and "type" in value:
            hint = "nodes stand under `nodes:`"
        if close is None and isinstance(value, dict) and "class_type" in value:
            hint = "this looks like a workflow of ComfyUI; recipes are written otherwise"
        reader.note("SDF117", f"a recipe has no `{key[:40]}`", reader.marks.at([key], key=True), hint)


def _read_params(reader: _Reader) -> tuple[dict[str, Param], frozenset[str]]:
    if reader.tree.get("params") is None:
        return {}, frozenset()
    return read_params(reader.tree["params"], reader.marks.part("params"), reader.problems)


def _read_matrix(reader: _Reader, params: dict[str, Param], broken: frozenset[str]) -> Matrix | None:
    if reader.tree.get("matrix") is None:
        return None
    section = reader.tree["matrix"]
    return read_matrix(section, reader.marks.part("matrix"), params, broken, reader.problems)


def _read_nodes(reader: _Reader) -> dict[str, dict[str, Any]]:
    nodes: dict[str, dict[str, Any]] = {}
    for name, value in reader.mapping("nodes", "names to nodes").items():
        place = ["nodes", name]
        if name == "params":
            message = "a node cannot be called `params`: `$params.…` is the recipe's params"
            reader.note("SDF121", message, reader.marks.at(place, key=True), "give it another name")
        elif not is_node_name(name):
            message = f"`{name[:40]}` cannot name a node"
            reader.note("SDF120", message, reader.marks.at(place, key=True), f"use {NODE_RULE}")
        if not isinstance(value, dict):
            message = f"the node `{name[:40]}` must be a mapping, not {json_type(value)}"
            reader.note(
                "SDF119", message, reader.marks.at(place, key=True), "write its `type:` and fields below it"
            )
            nodes[name] = {}
            continue
        if "type" not in value:
            message = f"the node `{name[:40]}` has no `type`"
            hint = "`sdflow nodes` lists the types"
            reader.note("SDF118", message, reader.marks.at(place, key=True), hint)
        elif not isinstance(value["type"], str):
            message = f"the type of a node is a text, not {json_type(value['type'])}"
            reader.note("SDF119", message, reader.marks.at([*place, "type"]))
        nodes[name] = value
    return nodes


def _read_outputs(reader: _Reader) -> dict[str, str]:
    outputs: dict[str, str] = {}
    for path, value in reader.mapping("outputs", "file names to nodes").items():
        position = reader.marks.at(["outputs", path])
        if isinstance(value, str):
            outputs[path] = value
        elif isinstance(value, dict):
            message = "an output cannot be a mapping yet; that form is kept for richer outputs"
            hint = 'write `"FILE": $node`'
            reader.note("SDF122", message, reader.marks.at(["outputs", path], key=True), hint)
        else:
            reader.note("SDF119", f"an output is a `$node`, not {json_type(value)}", position)
    return outputs
