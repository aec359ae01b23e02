"""A recipe with everything that a caller changed written into it, as plain JSON, and as YAML 1.2 text."""

import json
import re
from collections.abc import Mapping
from typing import Any

from sdflow.composition import Cell, Json, Ref
from sdflow.recipe.filling import rewritten
from sdflow.recipe.fitting import inferred_type
from sdflow.recipe.model import Matrix, Param, Recipe
from sdflow.recipe.references import escaped
from sdflow.recipe.scalars import core_scalar
from sdflow.recipe.whole import Expanded

_PLAIN = re.compile(r"[A-Za-z$./_][A-Za-z0-9_./$-]*(?: [A-Za-z0-9_./$-]+)*")
_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def resolved_json(recipe: Recipe) -> dict[str, Json]:
    """The recipe as it would be written: read again, it gives the same composition.

    References keep their `$`, and texts that begin with `$` in params and matrix are escaped again.
    """
    written: dict[str, Json] = {"sdflow": recipe.sdflow, "name": recipe.name}
    if recipe.description:
        written["description"] = recipe.description
    if recipe.params:
        written["params"] = {name: _param(param) for name, param in recipe.params.items()}
    written["nodes"] = recipe.nodes  # type: ignore[assignment]  # JSON, as it was read
    written["outputs"] = recipe.outputs  # type: ignore[assignment]  # invariance of dict
    if recipe.matrix is not None and (recipe.matrix.axes or recipe.matrix.include):
        written["matrix"] = _matrix(recipe.matrix)
    return written


def resolved_alone(resolved: Mapping[str, Json], recipe: Recipe, whole: Expanded) -> dict[str, Json]:
    """The same recipe with the nodes of all that it uses in their place: it needs no other recipe."""
    nodes: dict[str, Json] = {
        node.spec.name: {
            "type": node.spec.type,
            **{k: rewritten(v) for k, v in {**node.spec.fields, **node.holes}.items()},
        }
        for node in whole.nodes
    }
    outputs: dict[str, Json] = dict(
        zip(recipe.outputs, (str(output.ref) for output in whole.outputs), strict=False)
    )
    params = resolved.get("params")
    declared = params if isinstance(params, dict) else {}
    plain = {name: value for name, value in declared.items() if not recipe.params[name].wired}
    parts: dict[str, Json] = {"params": plain, "nodes": nodes, "outputs": outputs}
    return {key: parts.get(key, value) for key, value in resolved.items() if plain or key != "params"}


def resolved_for_cell(resolved: Mapping[str, Json], cell: Cell) -> dict[str, Json]:
    """The recipe of one cell alone: its params as defaults, and no matrix. For what a picture carries with it."""
    params = resolved.get("params", {})
    alone = {key: value for key, value in resolved.items() if key != "matrix"}
    if isinstance(params, dict) and params:
        alone["params"] = {
            name: _with_default(written, cell.params[name]) if name in cell.params else written
            for name, written in params.items()
        }
    return alone


def _with_default(written: Json, value: Json) -> Json:
    if isinstance(written, dict):
        return {**written, "default": escaped(value)}
    return escaped(value)


def _param(param: Param) -> Json:
    short = inferred_type(param.default) == param.type and param.model_fields_set <= {
        "type",
        "default",
        "items",
    }
    if short and not param.required and _items_follow(param):
        return escaped(param.default)
    fields: dict[str, Any] = {
        key: getattr(param, key)
        for key in ("type", "default", "min", "max", "choices", "items", "description")
        if key in param.model_fields_set and (key == "default" or getattr(param, key) is not None)
    }
    plain = escaped({key: value for key, value in fields.items() if not isinstance(value, Ref)})
    wire: dict[str, Json] = {"default": str(param.default)} if isinstance(param.default, Ref) else {}
    return {**plain, **wire} if isinstance(plain, dict) else plain


def _items_follow(param: Param) -> bool:
    """Whether a list's type of items is read off its default."""
    if param.type != "list":
        return True
    return bool(param.default) and {inferred_type(item) for item in param.default} == {param.items}


def _matrix(matrix: Matrix) -> dict[str, Json]:
    written: dict[str, Any] = {**matrix.axes}
    if matrix.include:
        written["include"] = list(matrix.include)
    if matrix.exclude and matrix.axes:
        written["exclude"] = list(matrix.exclude)
    return escaped(written)  # type: ignore[return-value]  # a mapping stays one


def to_json(resolved: Json) -> str:
    """One line of JSON that is also YAML 1.2: no surrogate pairs and no invisible characters in it."""
    text = json.dumps(resolved, ensure_ascii=False, allow_nan=False)
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_yaml(resolved: Json) -> str:
    """Block YAML by the 1.2 core schema. PyYAML's own writer leaves `1e-4` and `0o7` unquoted, being YAML 1.1."""
    return "\n".join(_lines(resolved)) + "\n"


def yaml_scalar(value: Json) -> str:
    """A value on one line: plain where that reads back as the same text, else as in JSON."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and core_scalar(value) == value:
        return value
    return to_json(value)


def _lines(value: Json) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in _entry(f"{yaml_scalar(key)}:", item)]
    if isinstance(value, list) and value:
        return [line for item in value for line in _entry("-", item)]
    return [yaml_scalar(value)]


def _entry(head: str, item: Json) -> list[str]:
    if isinstance(item, dict) and item:
        return [head, *("  " + line for line in _lines(item))]
    if isinstance(item, list) and any(isinstance(part, dict | list) for part in item):
        return [head, *("  " + line for line in _lines(item))]
    if isinstance(item, list):
        return [f"{head} [{', '.join(yaml_scalar(part) for part in item)}]"]
    return [f"{head} {yaml_scalar(item)}"]
