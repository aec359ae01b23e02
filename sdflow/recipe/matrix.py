"""Combinations of a matrix, with `include` and `exclude` as GitHub Actions defines them.

https://docs.github.com/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations: first all
combinations of the axes; then those that agree with an `exclude` in all that it names are dropped; then each `include`
adds its values to every combination whose axes it does not contradict, and where there is none becomes a combination
of its own. Params that a combination does not name keep their value.
"""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import product

from sdflow.composition import Json
from sdflow.recipe.model import Matrix

MAX_CELLS = 10_000
"""Most combinations that one run takes, before `exclude`."""
_LONGEST_VALUE = 24
"""Most characters of one value in a cell's label."""


def count(matrix: Matrix) -> int:
    """How many combinations there can be."""
    return (math.prod(len(values) for values in matrix.axes.values()) if matrix.axes else 0) + len(
        matrix.include
    )


def fixed(matrix: Matrix, values: Mapping[str, Json]) -> Matrix:
    """The matrix that remains when a caller gave some params a value.

    The axis of such a param has this value alone, and an `include` that asks for another one goes. Where the param
    is no axis, an `include` just does not set it.
    """
    axes = {name: [values[name]] if name in values else axis for name, axis in matrix.axes.items()}
    on_axes = {name: value for name, value in values.items() if name in axes}
    include = [
        {name: value for name, value in rule.items() if name in axes or name not in values}
        for rule in matrix.include
        if agrees(rule, on_axes)
    ]
    return Matrix(axes=axes, include=tuple(rule for rule in include if rule), exclude=matrix.exclude)


def combinations(matrix: Matrix) -> list[dict[str, Json]]:
    """What each cell sets, in order: the first axis changes slowest. Equal combinations come once."""
    names = list(matrix.axes)
    cells = (
        [dict(zip(names, values, strict=True)) for values in product(*matrix.axes.values())] if names else []
    )
    cells = [cell for cell in cells if not any(_matches(rule, cell) for rule in matrix.exclude)]
    if not names and not matrix.include:
        return [{}]
    originals = [dict(cell) for cell in cells]
    added: list[dict[str, Json]] = []
    for rule in matrix.include:
        on_axes = {name: value for name, value in rule.items() if name in matrix.axes}
        fits = [place for place, original in enumerate(originals) if agrees(on_axes, original)]
        for place in fits:
            cells[place].update(rule)
        if not fits:
            added.append(dict(rule))
    return _once([*cells, *added])


def labels(cells: Sequence[Mapping[str, Json]]) -> list[str]:
    """A short name for every cell, such as `seed=1,prompt=a red fox`; no two are equal.

    Params that have one value in all cells are left out.
    """
    names = list(dict.fromkeys(name for cell in cells for name in cell))
    varying = [name for name in names if len({canonical(cell.get(name, ...)) for cell in cells}) > 1] or names
    texts = [",".join(f"{name}={_short(cell[name])}" for name in varying if name in cell) for cell in cells]
    taken: dict[str, int] = {}
    unique: list[str] = []
    for text in texts:
        label = text
        while label in taken:
            taken[text] += 1
            label = f"{text}#{taken[text]}"
        taken[label] = 1
        unique.append(label)
    return unique


def agrees(rule: Mapping[str, Json], values: Mapping[str, Json]) -> bool:
    """Whether nothing in `rule` contradicts `values`."""
    return all(name not in values or values[name] == value for name, value in rule.items())


def _matches(rule: Mapping[str, Json], cell: Mapping[str, Json]) -> bool:
    return all(name in cell and cell[name] == value for name, value in rule.items())


def _once(cells: list[dict[str, Json]]) -> list[dict[str, Json]]:
    different: dict[str, dict[str, Json]] = {}
    for cell in cells:
        different.setdefault(canonical(cell), cell)
    return list(different.values())


def canonical(value: object) -> str:
    """A text that is equal for equal JSON values of the same types."""
    return json.dumps(value, sort_keys=True, default=repr)


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1].rstrip() + "…"
