"""The params section: a plain value is a default, a mapping is a typed declaration."""

from typing import get_args

from pydantic import ValidationError

from sdflow.composition import Json, Ref
from sdflow.problems import Problem, nearest
from sdflow.recipe.fitting import MisfitError, fit, inferred_type
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.model import PARAM_TYPES, Param, WireType, json_type
from sdflow.recipe.references import NAME_RULE, BadReferenceError, is_name, read_literal, read_text

_NUMERIC = ("int", "float", "seed")


def read_params(
    section: Json, marks: TreeMarks, problems: list[Problem]
) -> tuple[dict[str, Param], frozenset[str]]:
    """The declared params, and the names of those whose declaration is broken."""
    if not isinstance(section, dict):
        problems.append(Problem("SDF119", f"`params` is a mapping, not {json_type(section)}", marks.at([])))
        return {}, frozenset()
    params: dict[str, Param] = {}
    broken: set[str] = set()
    for name, value in section.items():
        if not is_name(name):
            message = f"`{name[:40]}` cannot name a param"
            problems.append(Problem("SDF120", message, marks.at([name], key=True), hint=f"use {NAME_RULE}"))
        found: list[Problem] = []
        param = _declared(name, value, marks.part(name), found)
        problems.extend(found)
        if param is None or found:
            broken.add(name)
        else:
            params[name] = param
    return params, frozenset(broken)


def _declared(name: str, value: Json, marks: TreeMarks, found: list[Problem]) -> Param | None:
    place = marks.value_position()
    if value is None:
        hint = f"write `{name}: {{type: string, default: null}}`"
        found.append(Problem("SDF132", f"`{name}` is null, which has no type", place, hint=hint))
        return None
    wire = _default_wire(value)
    try:
        plain = read_literal(
            {**value, "default": None} if wire is not None and isinstance(value, dict) else value
        )
    except BadReferenceError as error:
        found.append(
            Problem("SDF130", f"the param `{name}` cannot refer to anything: {error}", place, hint=error.hint)
        )
        return None
    fields = dict(plain) if isinstance(plain, dict) else {"default": plain}
    if "type" not in fields:
        inferred = "choice" if "choices" in fields else inferred_type(fields.get("default"))
        if inferred is None:
            hint = f"add `type:`, one of {', '.join(PARAM_TYPES)}"
            found.append(Problem("SDF132", f"the param `{name}` has no type", marks.at([]), hint=hint))
            return None
        fields["type"] = inferred
    try:
        param = Param.model_validate(fields)
    except ValidationError as error:
        found.extend(_from_pydantic(name, error, marks))
        return None
    if wire is not None:
        param = param.model_copy(update={"default": wire})
    return _checked(name, _with_items(param), marks, found)


def _default_wire(value: Json) -> Ref | None:
    """The output that a param stands for by default, where its declaration names one."""
    if not isinstance(value, dict) or value.get("type") not in get_args(WireType):
        return None
    default = value.get("default")
    try:
        read = read_text(default) if isinstance(default, str) else None
    except BadReferenceError:
        return None
    return read if isinstance(read, Ref) else None


def _with_items(param: Param) -> Param:
    """A list whose default has items of one type has that type of items."""
    if (
        param.type != "list"
        or param.items is not None
        or not isinstance(param.default, list)
        or not param.default
    ):
        return param
    kinds = {inferred_type(item) for item in param.default}
    if kinds == {"int", "float"} and all(float(item) == item for item in param.default):
        kinds = {"float"}  # no integer among them is too large to stay what it is
    kind = kinds.pop() if len(kinds) == 1 else None
    return param.model_copy(update={"items": kind}) if kind in ("int", "float", "string", "bool") else param


def _from_pydantic(name: str, error: ValidationError, marks: TreeMarks) -> list[Problem]:
    problems: dict[tuple[str, int, int], Problem] = {}
    for detail in error.errors(include_url=False, include_context=False):
        key, given = str(detail["loc"][0]), detail["input"]
        if detail["type"] == "extra_forbidden":
            close = nearest(key, Param.model_fields)
            hint = f"did you mean `{close}`?" if close else f"a param has {', '.join(Param.model_fields)}"
            message = f"a param has no `{key[:40]}`"
            if len(detail["loc"]) == 1:
                hint += "; a mapping declares a param, it cannot be its value"
            problem = Problem("SDF117", message, marks.at([key], key=True), hint=hint)
        elif key == "type":
            close = nearest(given, PARAM_TYPES) if isinstance(given, str) else None
            hint = f"did you mean `{close}`?" if close else f"the types are {', '.join(PARAM_TYPES)}"
            problem = Problem("SDF132", f"`{name}` has an unknown type", marks.at(["type"]), hint=hint)
        else:
            message = f"`{key}` of the param `{name}`: {detail['msg'][0].lower()}{detail['msg'][1:]}"
            problem = Problem("SDF132", message, marks.at([key]))
        position = problem.position
        if position is not None:
            problems.setdefault((problem.code, position.line, position.column), problem)
    return list(problems.values())


def _checked(name: str, param: Param, marks: TreeMarks, found: list[Problem]) -> Param | None:
    def bad(key: str, message: str, hint: str | None = None) -> None:
        found.append(Problem("SDF132", message, marks.at([key]), hint=hint))

    numeric = param.type in _NUMERIC or (param.type == "list" and param.items in _NUMERIC)
    for key in ("min", "max"):
        if getattr(param, key) is not None and not numeric:
            bad(key, f"`{key}` means nothing for the param `{name}` of type {param.type}")
    if param.min is not None and param.max is not None and param.min > param.max:
        bad("min", f"`min` {param.min} of the param `{name}` is above its `max` {param.max}")
    if param.items is not None and param.type != "list":
        bad("items", f"`items` means nothing for the param `{name}` of type {param.type}", "use `type: list`")
    if param.type == "choice" and not param.choices:
        bad("type", f"the param `{name}` is a choice without `choices`", "add `choices: [a, b]`")
    if any(isinstance(choice, list | dict) or choice is None for choice in param.choices or ()):
        bad("choices", f"the choices of `{name}` must be texts, numbers or booleans")
    if found or param.required:
        return None if found else param
    if param.wired and isinstance(param.default, Ref):
        return param
    try:
        return param.model_copy(update={"default": fit(param, param.default)})
    except MisfitError as error:
        found.append(
            Problem("SDF133", f"the default of `{name}` {error}", marks.at(["default"]), hint=error.hint)
        )
        return param
