"""One node of type `recipe`: the file that it names, and what it gives to the params of that file."""

import hashlib
import os
from collections.abc import Collection, Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sdflow.composition import Claim, Json, Ref, UsedRecipe
from sdflow.problems import Position, Problem, UserError, Via, nearest
from sdflow.recipe.cells import NodeTemplate
from sdflow.recipe.filling import Given, leaves
from sdflow.recipe.fitting import MisfitError, fit
from sdflow.recipe.model import Matrix, Param, json_type
from sdflow.recipe.proposals import proposal
from sdflow.recipe.reading import RecipeFile, examine, read_bytes
from sdflow.recipe.references import ParamRef
from sdflow.recipe.whole import RECIPE

MAX_DEPTH = 32
"""Deepest nesting of recipes in recipes."""
_FIELDS = ("path", "params")


@dataclass(slots=True)
class Reader:
    """Files that were read for one composition, each once."""

    files: dict[Path, RecipeFile] = field(default_factory=dict)
    digests: dict[Path, str] = field(default_factory=dict)

    def read(self, path: Path, label: str) -> RecipeFile:
        """The recipe in a file; its paths start from the folder that it is found in, whatever a link leads to.

        Raises:
            UserError: nothing can be read.
        """
        if path not in self.files:
            data = read_bytes(path)
            self.files[path] = examine(data, label, base=path.parent, identity=str(path.resolve()))
            self.digests[path] = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return self.files[path]


@dataclass(frozen=True, slots=True)
class Use:
    """A node that uses a recipe: `given` is what it gives to params; `first` says that the file was not read before."""

    node: NodeTemplate
    outer: RecipeFile
    file: RecipeFile
    path: Path
    digest: str
    given: Mapping[str, object]
    first: bool

    @property
    def name(self) -> str:
        """What the node is called."""
        return self.node.spec.name

    def record(self, base: Path) -> UsedRecipe:
        """What there is to know of the file in the folder `base`."""
        return UsedRecipe(self.named(self.path, base), self.path, self.digest)

    @staticmethod
    def named(path: Path, base: Path) -> str:
        """A file's name from a folder, with `/` everywhere."""
        return Path(os.path.relpath(path, base)).as_posix()

    def claims(self) -> Iterator[Claim]:
        """Of what kind the outputs have to be that are given."""
        for name, value in self.given.items():
            param = self.file.recipe.params.get(name)
            if param is not None and param.wired and isinstance(value, Ref):
                position = self.node.spec.marks.at(("params", name))
                yield Claim(name, value, param.kind, position, self.name)


def read_use(
    node: NodeTemplate,
    outer: RecipeFile,
    reader: Reader,
    chain: tuple[Path, ...],
    problems: list[Problem],
) -> Use | None:
    """Read the file that a node names, with what is given to it; None where it cannot be used, and why is noted."""
    fields = {**node.spec.fields, **node.holes}
    before = len(problems)
    problems += _wrong_fields(node, fields)
    text, given = fields.get("path"), fields.get("params")
    if len(problems) > before or not isinstance(text, str):
        return None
    label = os.path.normpath(os.path.join(os.path.dirname(outer.file), os.path.expanduser(text)))  # noqa: PTH111, PTH118, PTH120 - a label such as HEAD:a/b.yaml is no path
    path = outer.base / os.path.expanduser(text)  # noqa: PTH111 - a user that is not there stays as written
    whole = _resolved(node, text, path, problems)
    if whole is None:
        return None
    if len(chain) > MAX_DEPTH:
        problems.append(_at(node, "SDF786", f"recipes in recipes go deeper than {MAX_DEPTH}", ("path",)))
        return None
    if whole in chain:
        names = [Use.named(it, outer.base.resolve()) for it in (*chain[chain.index(whole) :], whole)]
        hint = "a recipe cannot be a part of itself"
        problems.append(
            _at(node, "SDF781", f"these recipes use each other: {' → '.join(names)}", ("path",), hint)
        )
        return None
    if not whole.is_file():
        problems.append(_missing(node, text, path))
        return None
    first = path not in reader.files
    try:
        file = reader.read(path, label)
    except UserError as error:
        place = node.spec.marks.at(("path",))
        via = Via(node.spec.name, place) if place is not None else None
        problems += [
            it.placed(place, node.spec.name) if it.position is None or via is None else it.used(via)
            for it in error.problems
        ]
        return None
    values = given if isinstance(given, dict) else {}
    return Use(node, outer, file, path, reader.digests[path], values, first)


def given_to(
    use: Use, used: Collection[str], problems: list[Problem], unknown_at: Container[Position]
) -> dict[str, object] | None:
    """What each param of the inner recipe is: what it is given, or its default; None where that is not known.

    A value that holds params of the outer recipe is looked at in each cell. `used` are the params that nodes refer to,
    `unknown_at` places of values that are not known because of other mistakes.
    """
    params, marks = use.file.recipe.params, use.node.spec.marks
    values: dict[str, object] = {}
    noted: list[Problem] = []
    sound = not use.file.broken
    for name, value in use.given.items():
        if name in params:
            try:
                values[name] = _value(use, params[name], name, value)
            except MisfitError as error:
                position, sound = marks.at(("params", name)), False
                if position not in unknown_at:
                    noted.append(Problem("SDF133", f"`{name}` {error}", position, use.name, error.hint))
        elif name not in use.file.broken:
            hint = proposal(name, params, "its params are") if params else "it declares no params"
            message = f"the recipe {use.file.file} has no param `{name[:40]}`"
            noted.append(Problem("SDF131", message, marks.at(("params", name), key=True), use.name, hint))
    for name, param in params.items():
        if name in use.given:
            continue
        if not param.required:
            values[name] = param.default
        elif name in used:
            hint = f"give it under `params`: `{name}: …`"
            message = f"the param `{name}` of {use.file.file} has no value"
            noted.append(_at(use.node, "SDF134", message, ("params",), hint))
    noted += _open_matrix(use)
    problems += noted
    return values if sound and not noted else None


def _value(use: Use, param: Param, name: str, value: object) -> object:
    """A value as the inner recipe gets it.

    Raises:
        MisfitError: it does not fit the param.
    """
    outer = use.outer.recipe.params
    refs = [leaf for _, leaf in leaves(value) if isinstance(leaf, Ref)]
    names = [leaf.name for _, leaf in leaves(value) if isinstance(leaf, ParamRef)]
    wires = [str(ref) for ref in refs] + [f"$params.{it}" for it in names if it in outer and outer[it].wired]
    if param.wired:
        if isinstance(value, Ref) or (isinstance(value, ParamRef) and (wires or value.name not in outer)):
            return value
        return fit(param, cast("Json", value if not names else f"$params.{names[0]}"))
    if wires:
        hint = f"declare it in {use.file.file} with the kind as its type, such as `{name}: {{type: image}}`"
        raise MisfitError(f"takes a plain value, not the output {wires[0]}", hint)
    if names:
        return Given(name, param, value, use.node.spec.marks.at(("params", name)))
    return fit(param, cast("Json", value))


def _open_matrix(use: Use) -> Iterator[Problem]:
    """A recipe with a matrix gives several results, unless each of its params is given a value."""
    matrix = use.file.recipe.matrix or Matrix()
    varied = dict.fromkeys([*matrix.axes, *(name for rule in matrix.include for name in rule)])
    free = [name for name in varied if name not in use.given]
    if free:
        message = f"the recipe {use.file.file} has a matrix over {', '.join(free)}"
        hint = "give each of them a value under `params`; a matrix of this recipe can vary it"
        yield _at(use.node, "SDF783", message, ("path",), hint)


def _wrong_fields(node: NodeTemplate, fields: Mapping[str, object]) -> Iterator[Problem]:
    """What is wrong with the form of the node itself."""
    for name in fields:
        if name not in _FIELDS:
            near = nearest(name, _FIELDS)
            hint = f"did you mean {near}?" if near else "the params of the other recipe stand below `params`"
            place = node.spec.marks.at((name,), key=True)
            yield Problem("SDF202", f"{RECIPE} has no field {name}", place, node.spec.name, hint)
    path, given = fields.get("path"), fields.get("params")
    if path is None:
        place = node.spec.marks.at((), key=True)
        yield Problem(
            "SDF203", f"{RECIPE} needs path", place, node.spec.name, "The file, relative to the recipe."
        )
    elif isinstance(path, ParamRef | Given):
        hint = "write the path out: what runs has to be known before params have values"
        yield _at(node, "SDF782", "the path of a recipe cannot be a param", ("path",), hint)
    elif not isinstance(path, str):
        yield _at(node, "SDF204", "path: takes text", ("path",))
    if not isinstance(given, dict | None):
        shown = "a reference" if isinstance(given, Ref | ParamRef) else json_type(cast("Json", given))
        yield _at(
            node,
            "SDF204",
            f"params takes a mapping, not {shown}",
            ("params",),
            "write `name: value` below it",
        )


def _resolved(node: NodeTemplate, text: str, path: Path, problems: list[Problem]) -> Path | None:
    """The file without links; None where the system knows no such name or does not say, and why is noted."""
    try:
        whole = path.resolve()
        whole.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a name that is too long, a NUL, links in a circle
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        shown = text if text.isprintable() else repr(text)
        problems.append(_at(node, "SDF780", f"the recipe {shown} cannot be read: {said}", ("path",)))
        return None
    return whole


def _missing(node: NodeTemplate, text: str, path: Path) -> Problem:
    if not text.strip():
        return _at(node, "SDF780", "the path of the recipe is empty", ("path",), "write the name of its file")
    near = None
    with suppress(OSError):  # a folder that cannot be listed
        near = nearest(path.name, [it.name for it in path.parent.iterdir() if it.is_file()])
    hint = (
        f"did you mean {Path(text).with_name(near).as_posix()}?"
        if near and Path(text).name
        else "paths start from the recipe's folder"
    )
    what = "is a folder" if path.is_dir() else "is no file" if path.exists() else "does not exist"
    return _at(node, "SDF780", f"the recipe {text} {what}", ("path",), hint)


def _at(
    node: NodeTemplate, code: str, message: str, path: tuple[str, ...], hint: str | None = None
) -> Problem:
    return Problem(code, message, node.spec.marks.at(path), node.spec.name, hint)


def port_of(ref: Ref) -> str:
    """What the output of a recipe that is `$node` or `$node.port` is called as a port: `node`, `node-port`."""
    name = ref.node.replace("/", "-")
    return name if ref.port is None else f"{name}-{ref.port}"
