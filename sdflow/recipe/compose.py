"""Recipe and changes in, composition out: params filled in, fields set, the matrix expanded, files named."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sdflow.composition import Cell, Composition, Json
from sdflow.problems import Position, Problem, UserError
from sdflow.recipe.arguments import Argument, Changes, CommandLine, read_options
from sdflow.recipe.axes import check_axis
from sdflow.recipe.cells import NodeTemplates, fill_cells, read_nodes
from sdflow.recipe.filling import Given, leaves, misfits
from sdflow.recipe.findings import Findings
from sdflow.recipe.fitting import MisfitError, fit, fit_text, read_flow
from sdflow.recipe.matrix import MAX_CELLS, canonical, combinations, count, fixed, labels
from sdflow.recipe.model import Matrix, Param, Recipe
from sdflow.recipe.outputs import Output, output_files, read_outputs
from sdflow.recipe.overrides import set_fields
from sdflow.recipe.reading import RecipeFile
from sdflow.recipe.references import ParamRef
from sdflow.recipe.resolved import resolved_alone, resolved_json
from sdflow.recipe.values import Origin, Values, read_values, unknown_param
from sdflow.recipe.whole import Expanded, Relocate, whole_of

MAX_CELL_NODES = 2_000_000
"""Most nodes of all cells together."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A composition as far as a recipe and its changes allow, and all that is wrong with them.

    composition: with `problems`, good for finding more problems only.
    problems: those of reading the recipe included.
    params: where the value of each param came from, outside the matrix.
    cells: the same for every cell, the matrix included.
    fields: where the fields set with `-s` came from, by their name there: `nodes.sample.steps`.
    sources: the texts that positions point into, by file.
    unknown_at: places of values that cannot be known because of a problem; later problems there are no new ones.
    unused: params of the recipe that neither a node nor the name of an output refers to.
    """

    composition: Composition
    problems: tuple[Problem, ...]
    params: Mapping[str, Origin]
    cells: tuple[Mapping[str, Origin], ...]
    fields: Mapping[str, Origin]
    sources: Mapping[str, str]
    unknown_at: frozenset[Position]
    unused: tuple[str, ...] = ()

    def new(self, later: Iterable[Problem]) -> list[Problem]:
        """Those of some later problems that do not follow from the draft's own."""
        at = {(p.file, p.line, p.column) for p in self.unknown_at}
        at |= {
            (p.position.file, p.position.line, p.position.column)
            for p in self.problems
            if p.position is not None
        }
        return [
            p
            for p in later
            if p.position is None or (p.position.file, p.position.line, p.position.column) not in at
        ]


def as_written(node_type: str, path: tuple[str | int, ...], text: str, inner: Path, outer: Path) -> str:  # noqa: ARG001 - a Relocate
    """Texts as they are, where no recipe of another folder is used."""
    return text


def compose(recipe: RecipeFile, changes: Changes | None = None) -> Composition:
    """The composition of a recipe.

    Raises:
        UserError: everything that is wrong with the recipe and the changes, all together.
    """
    drafted = draft(recipe, changes)
    if drafted.problems:
        raise UserError(*drafted.problems)
    return drafted.composition


def draft(recipe: RecipeFile, changes: Changes | None = None, relocate: Relocate = as_written) -> Draft:
    """Like `compose`, but keeps what it can of what is broken, and tells where values came from.

    `relocate` knows which texts of nodes are paths, for recipes of other folders that this one uses.

    Raises:
        UserError: there are so many problems that more are not looked for.
    """
    changes = changes or Changes()
    problems = Findings(recipe.problems)
    line = read_options(changes, problems)
    values = read_values(recipe, changes, line.params)
    problems += values.problems
    overrides = set_fields(recipe.recipe.nodes, line.fields)
    problems += overrides.problems
    templates = read_nodes(recipe, overrides)
    problems += templates.problems
    outputs = read_outputs(recipe, problems)
    matrix, matrix_origins = _effective_matrix(recipe, values, line, problems)
    unknown = set(templates.unknown_at)
    whole = whole_of(recipe, templates.nodes, outputs, problems, unknown, relocate=relocate)
    used = _used_params(templates, outputs)
    if not (recipe.problems or templates.problems or any(output.template is None for output in outputs)):
        problems += _without_effect(values, used)  # else they may be used where nothing could be read
    effective = _effective(recipe, values, overrides.nodes, matrix)
    sets = _combinations(recipe, matrix, len(whole.nodes), line, problems)
    cells = [{**values.values, **assigned} for assigned in sets]
    missing = _without_value(recipe, used, cells)
    problems += missing.values()
    unknown |= set(_referring(whole, missing))
    cell_labels = [""] if matrix is None else labels(sets)
    problems += _misfits(whole, cells, unknown)
    files = output_files(recipe, whole.outputs, cells, cell_labels, problems)
    nodes = fill_cells(whole.nodes, cells, frozenset(name for assigned in sets for name in assigned))
    made = tuple(Cell(*parts, whole.claims) for parts in zip(cell_labels, cells, nodes, files, strict=True))
    resolved = resolved_json(effective)
    sources = [recipe.marks.source, line.source, *values.sources]
    return Draft(
        Composition(
            effective.name,
            recipe.file,
            recipe.base,
            recipe.identity,
            made,
            resolved,
            resolved if whole.is_as_written else resolved_alone(resolved, recipe.recipe, whole),
            whole.uses,
            whole.ports,
        ),
        tuple(dict.fromkeys(problems)),
        values.origins,
        tuple({**values.origins, **{name: matrix_origins[name] for name in assigned}} for assigned in sets),
        {argument.name: Origin("-s", argument.at_value()) for argument in line.fields},
        {source.file: source.text for source in sources if source.text},
        frozenset(unknown),
        tuple(name for name in recipe.recipe.params if name not in used),
    )


def _effective_matrix(
    recipe: RecipeFile, values: Values, line: CommandLine, problems: list[Problem]
) -> tuple[Matrix | None, dict[str, Origin]]:
    """The recipe's matrix with the axes of the command line, and with what the caller gave a value fixed."""
    matrix = recipe.recipe.matrix
    axes = {**matrix.axes} if matrix is not None else {}
    rules = (*matrix.include, *matrix.exclude) if matrix is not None else ()
    names = dict.fromkeys([*axes, *(name for rule in rules for name in rule)])
    origins = {name: Origin("matrix", recipe.marks.at(["matrix", name], key=True)) for name in names}
    by_option = {argument.name: argument for argument in line.params}
    for argument in line.axes:
        axis = _axis(argument, recipe, problems)
        if argument.name in by_option:
            message = f"`{argument.name}` is given with `-p` and varied with `--matrix`"
            problems.append(Problem("SDF141", message, argument.at_name(), hint="leave one of them out"))
        elif axis:
            axes[argument.name] = axis
            origins[argument.name] = Origin("--matrix", argument.at_value())
    if not axes and matrix is None:
        return None, origins
    kept = matrix or Matrix()
    whole = Matrix(axes=axes, include=kept.include, exclude=kept.exclude)
    varied = {argument.name for argument in line.axes}
    given = {name: values.values[name] for name in values.given - varied if name in values.values}
    origins |= {name: values.origins[name] for name in given}
    return fixed(whole, given), origins


def _axis(argument: Argument, recipe: RecipeFile, problems: list[Problem]) -> list[Json]:
    """The values of one `--matrix name=a,b,c`; a text with commas in it is given as a list, `name=["a, b", c]`."""
    param = recipe.recipe.params.get(argument.name)
    if param is None:
        unknown = unknown_param(argument.name, recipe, argument.at_name())
        problems.extend([unknown] if unknown else [])
        return []
    axis: list[Json] = []
    misfits: list[MisfitError] = []
    try:
        fitted = _axis_values(param, argument.value)
    except MisfitError as error:
        fitted, misfits = [], [error]
    for value in fitted:
        try:
            axis.append(value())
        except MisfitError as error:
            misfits.append(error)
    if misfits:
        said = {f"`{argument.name}` {error}": error.hint for error in misfits}
        problems += [Problem("SDF133", text, argument.at_value(), hint=hint) for text, hint in said.items()]
        return []
    wrong = check_axis(argument.name, axis)
    if wrong is not None:
        problems.append(Problem("SDF141", wrong, argument.at_value()))
        return []
    return axis


def _axis_values(param: Param, text: str) -> list[Callable[[], Json]]:
    """Each value of an axis, still to be fitted, so that all that do not fit are told."""
    if text.startswith("["):
        values = read_flow(text)
        return [partial(fit, param, value) for value in values] if isinstance(values, list) else []
    return [partial(fit_text, param, part.strip()) for part in text.split(",")] if text.strip() else []


def _used_params(templates: NodeTemplates, outputs: list[Output]) -> frozenset[str]:
    """The params that a node or the name of an output refers to."""
    in_nodes = {name for node in templates.nodes for name in node.params}
    return frozenset(in_nodes.union(*(output.params for output in outputs)))


def _without_effect(values: Values, used: frozenset[str]) -> list[Problem]:
    """Params that the caller named and gave a value although nothing uses them."""
    return [
        Problem("SDF135", f"no node and no output uses the param `{name}`", values.origins[name].position)
        for name in values.insisted
        if name not in used
    ]


def _misfits(whole: Expanded, cells: list[dict[str, Json]], unknown_at: set[Position]) -> Iterator[Problem]:
    """Values that do not fit the params of the recipes that they are given to, in any cell."""
    for node in () if whole.is_as_written else whole.nodes:
        if not any(isinstance(leaf, Given) for _, leaf in leaves(node.holes)):
            continue
        for cell in {canonical([cell.get(name) for name in node.params]): cell for cell in cells}.values():
            for path, problem in misfits(node.holes, cell):
                place = node.spec.marks.at(path)
                unknown_at |= {place} if place is not None else set()
                yield problem


def _referring(whole: Expanded, params: Mapping[str, Problem]) -> Iterator[Position]:
    """The places that refer to some params."""
    for node in whole.nodes if params else ():
        for path, leaf in leaves(node.holes):
            place = node.spec.marks.at(path) if isinstance(leaf, ParamRef) and leaf.name in params else None
            if place is not None:
                yield place


def _without_value(
    recipe: RecipeFile, used: frozenset[str], cells: list[dict[str, Json]]
) -> dict[str, Problem]:
    """Used params that have a value neither outside the matrix nor in every combination of it."""
    return {
        name: Problem(
            "SDF134",
            f"the param `{name}` has no value",
            recipe.marks.at(["params", name], key=True),
            hint="write `default: $node`; a node of type `recipe` gives it in another recipe"
            if param.wired
            else f"give it with `-p {name}=…`, or write a `default:`",
        )
        for name, param in recipe.recipe.params.items()
        if param.required and name in used and any(name not in cell for cell in cells)
    }


def _effective(
    recipe: RecipeFile, values: Values, nodes: Mapping[str, dict[str, Json]], matrix: Matrix | None
) -> Recipe:
    """The recipe with all changes written into it."""
    given = values.given & values.values.keys()
    params = {
        name: param.model_copy(update={"default": values.values[name]}) if name in given else param
        for name, param in recipe.recipe.params.items()
    }
    return recipe.recipe.model_copy(update={"params": params, "nodes": dict(nodes), "matrix": matrix})


def _combinations(
    recipe: RecipeFile, matrix: Matrix | None, nodes: int, line: CommandLine, problems: list[Problem]
) -> list[dict[str, Json]]:
    """What each cell sets; where that is a problem, one combination, so that its nodes can be looked at."""
    if matrix is None:
        return [{}]
    position = line.axes[0].at_name() if line.axes else recipe.marks.at(["matrix"], key=True)
    one = [{name: axis[0] for name, axis in matrix.axes.items()}]
    size = count(matrix)
    if size > MAX_CELLS or size * nodes > MAX_CELL_NODES:
        limit = f"{MAX_CELLS:,} cells" if size > MAX_CELLS else f"{MAX_CELL_NODES:,} nodes in all"
        message = f"the matrix has {size:,} combinations; one run takes {limit}"
        problems.append(Problem("SDF143", message, position))
        return one
    cells = combinations(matrix)
    if not cells:
        problems.append(Problem("SDF142", "every combination of the matrix is excluded", position))
    return cells or one
