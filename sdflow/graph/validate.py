"""One node of a recipe against its type: fields, ranges, kinds of inputs; all mistakes together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sdflow.composition import FieldValue, NodeSpec, Ref
from sdflow.graph.descriptions import descriptions
from sdflow.graph.field_kinds import Path, models_in
from sdflow.graph.fields import BuildContext
from sdflow.graph.node import Node
from sdflow.graph.references import References, references
from sdflow.graph.registry import Registry
from sdflow.graph.wire import Wire, a
from sdflow.problems import Problem, nearest

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands where a wire would be, when what it leads to has mistakes of its own or does not exist."""


@dataclass(slots=True)
class Wires:
    """The references of one cell, and what they lead to: numbers of valid nodes, types of those that did not pass."""

    refs: Mapping[str, References]
    numbers: dict[str, int] = field(default_factory=dict)
    types: dict[int, type[Node]] = field(default_factory=dict)
    failed: dict[str, type[Node] | None] = field(default_factory=dict)

    def find(self, ref: Ref) -> Wire | Problem | None:
        """The wire of a reference; the problem with its port; None where the node is not known."""
        number = self.numbers.get(ref.node, -1)
        node_type = self.types.get(number) if number >= 0 else self.failed.get(ref.node)
        if node_type is None:
            return None
        port = ref.port or next(iter(node_type.outputs))
        if port not in node_type.outputs:
            near = nearest(port, node_type.outputs)
            hint = f"did you mean ${ref.node}.{near}?" if near else "outputs: " + ", ".join(node_type.outputs)
            return Problem("SDF207", f"{node_type.name} has no output {port}", hint=hint)
        return Wire(number, port, node_type.outputs[port])


def validate_node(
    spec: NodeSpec, specs: Mapping[str, NodeSpec], wires: Wires, registry: Registry, context: BuildContext
) -> tuple[Node | None, list[Problem]]:
    """The node, or the problems that keep it from being one."""
    problems: list[Problem] = []
    bad: set[Path] = set()
    good: dict[Path, Wire] = {}
    for path, ref in wires.refs[spec.name]:
        found = wires.find(ref)
        if isinstance(found, Wire):
            good[path] = found
        if isinstance(found, Problem):
            problems.append(found.placed(spec.marks.at(path), spec.name))
        elif found is None and ref.node not in specs:
            problems.append(unknown_node(ref, specs).placed(spec.marks.at(path), spec.name))
        if not isinstance(found, Wire) or found.node < 0:
            bad.add(path)

    node_type = registry.get(spec.type)
    if node_type is None:
        near = registry.nearest(spec.type)
        hint = f"did you mean {near}?" if near else "sdflow nodes lists all types"
        position = spec.marks.at(("type",))
        problems.append(Problem("SDF201", f"there is no node type {spec.type}", position, spec.name, hint))
        return None, problems

    raw = {name: _wired((name,), value, good) for name, value in spec.fields.items()}
    try:
        node = node_type.model_validate(raw, context=context)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems += _explain(details, spec, node_type, bad)
        return None, problems
    return (None, problems) if bad else (node, problems)


def unknown_node(ref: Ref, specs: Mapping[str, NodeSpec]) -> Problem:
    """A reference to a node that the recipe does not have."""
    near = nearest(ref.node, specs)
    hint = f"did you mean ${near}?" if near else "nodes: " + (", ".join(specs) or "none")
    return Problem("SDF206", f"there is no node {ref.node}", hint=hint)


def _wired(path: Path, value: FieldValue, wires: Mapping[Path, Wire]) -> object:
    """A field's value as pydantic takes it: wires for references, tuples for lists."""
    if isinstance(value, Ref):
        return wires.get(path) or Unknown()
    if isinstance(value, list):
        return tuple(_wired((*path, index), item, wires) for index, item in enumerate(value))
    if isinstance(value, dict):
        return {key: _wired((*path, key), item, wires) for key, item in value.items()}
    return value


def _explain(
    details: Iterable[ErrorDetails], spec: NodeSpec, node_type: type[Node], bad: set[Path]
) -> list[Problem]:
    """Pydantic's errors in the words of a recipe; one per place, the most telling one."""
    placed = [(_in_file(detail["loc"], spec), detail) for detail in details]
    found: dict[Path, Problem] = {}
    for path, detail in placed:
        # A list whose items are wrong also counts as too short; only its items are worth a word.
        inner = any(
            len(other) > len(path) and other[: len(path)] == path for other in (*bad, *(p for p, _ in placed))
        )
        if path in bad or inner or isinstance(detail["input"], Unknown):
            continue
        found.setdefault(path, _problem(detail, path, spec, node_type))
    return list(found.values())


def _holder(path: Path, node_type: type[Node]) -> type[BaseModel]:
    """What holds the fields at a path: the node type, or a mapping within its fields."""
    holder: type[BaseModel] = node_type
    for part in path:
        annotation = next(
            (f.annotation for n, f in holder.model_fields.items() if part in (f.alias, n)), None
        )
        holder = next(models_in(annotation), holder)
    return holder


def _in_file(loc: tuple[str | int, ...], spec: NodeSpec) -> Path:
    """The part of pydantic's path that exists in the file: union tags and the like are left out."""
    path: list[str | int] = []
    value: object = dict(spec.fields)
    for part in loc:
        if isinstance(value, dict) and (part in value or not path):
            path.append(part)
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path.append(part)
            value = value[part]
    return tuple(path)


def _problem(detail: ErrorDetails, path: Path, spec: NodeSpec, node_type: type[Node]) -> Problem:
    name = ".".join(str(part) for part in path)
    kind, context, given = detail["type"], detail.get("ctx", {}), detail["input"]
    marks = spec.marks
    if kind == "missing":
        field = detail["loc"][-1]
        path = path[:-1] if path[-1:] == (field,) else path
        holder = _holder(path, node_type)
        wanted = next((n for n, f in holder.model_fields.items() if (f.alias or n) == field), "")
        hint = descriptions(holder).get(wanted)
        where = ".".join(map(str, path)) or spec.type
        return Problem("SDF203", f"{where} needs {field}", marks.at(path, key=not path), spec.name, hint)
    if kind == "extra_forbidden":
        known = [f.alias or n for n, f in _holder(path[:-1], node_type).model_fields.items()]
        near = nearest(str(detail["loc"][-1]), known)
        hint = f"did you mean {near}?" if near else "fields: " + ", ".join(known)
        holder_name = name.rpartition(".")[0] or spec.type
        message = f"{holder_name} has no field {detail['loc'][-1]}"
        return Problem("SDF202", message, marks.at(path, key=True), spec.name, hint)
    position = marks.at(path)
    if kind == "told":
        return Problem(
            str(context["code"]), str(context["message"]), position, spec.name, str(context["hint"]) or None
        )
    if kind == "tuple_type" and isinstance(given, Wire):
        return Problem(
            "SDF204", f"{name} takes a list", position, spec.name, f"write [{_reference(path, spec)}]"
        )
    if kind == "tuple_type" and isinstance(given, dict):
        hint = "put it in a list: begin its first line with -"
        return Problem("SDF204", f"{name} takes a list, not a mapping", position, spec.name, hint)
    if kind == "model_type":
        known = [f.alias or n for n, f in _holder(path, node_type).model_fields.items()]
        hint = "its fields: " + ", ".join(known)
        return Problem("SDF204", f"{name} takes a mapping", position, spec.name, hint)
    if kind == "wrong_kind":
        return Problem("SDF205", f"{name} {detail['msg']}", position, spec.name)
    if kind == "reference_needed":
        hint = f"write $node for a node that gives {context.get('kind', 'it')}"
        return Problem("SDF210", f"{name} {detail['msg']}, not {_shown(given)}", position, spec.name, hint)
    if isinstance(given, Wire):
        message = f"{name} takes a plain value, not {a(given.kind)} from another node"
        return Problem("SDF209", message, position, spec.name)
    return Problem("SDF204", f"{name}: {_sentence(detail)}", position, spec.name, _hint(detail))


def _reference(path: Path, spec: NodeSpec) -> str:
    """The reference that stands at a path."""
    return next((str(ref) for place, ref in references(spec) if place == path), "$node")


def _sentence(detail: ErrorDetails) -> str:
    """What is wrong with a plain value."""
    context, given = detail.get("ctx", {}), _shown(detail["input"])
    limits = {
        "greater_than_equal": "must be at least {ge}",
        "greater_than": "must be more than {gt}",
        "less_than_equal": "must be at most {le}",
        "less_than": "must be less than {lt}",
        "multiple_of": "must be a multiple of {multiple_of}",
        "int_type": "takes a whole number",
        "int_from_float": "takes a whole number",
        "float_type": "takes a number",
        "finite_number": "takes a finite number",
        "string_type": "takes text",
        "bool_type": "takes true or false",
        "tuple_type": "takes a list",
        "too_short": "must not be empty",
        "string_too_short": "must not be empty",
        "literal_error": "takes {expected}",
    }
    known = limits.get(detail["type"])
    if detail["type"] == "too_short" and context["min_length"] > 1:
        return f"must have at least {context['min_length']} items"
    if known:
        what = known.format(**context)
        return what if "empty" in what else f"{what}, not {given}"
    message = detail["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:] if message[:2].istitle() else message


def _hint(detail: ErrorDetails) -> str | None:
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        choices = [word.strip("'") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        near = nearest(detail["input"], choices)
        return f"did you mean {near}?" if near else None
    if detail["type"] == "multiple_of" and isinstance(detail["input"], int):
        step = int(detail["ctx"]["multiple_of"])
        below = detail["input"] // step * step
        return f"the nearest are {below} and {below + step}" if below else f"the nearest is {step}"
    return None


def _shown(value: object) -> str:
    """A value as it could stand in a recipe, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, int | float) else repr(value)
    if isinstance(value, tuple | dict):
        text = "a list" if isinstance(value, tuple) else "a mapping"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
