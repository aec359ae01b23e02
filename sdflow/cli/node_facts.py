"""What there is to know of a node type, read off its class: for the table, the page and the editor's schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sdflow.composition import Json
from sdflow.graph.descriptions import descriptions
from sdflow.graph.node import Node, input_fields, to_json
from sdflow.graph.wire import Wire

Schema = dict[str, Any]
_HIGHEST = 2**63 - 1
"""The largest seed: a limit of the format that nobody needs to be told."""


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """A field as it is written in recipes.

    `kind` is the kind of value that an input takes, empty for a plain field; `many` says that it takes a list of
    them. `values` says what a plain field takes, in words. `default` is None for what is required or left out.
    """

    name: str
    description: str
    required: bool
    kind: str = ""
    many: bool = False
    values: str = ""
    default: Json = None


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """A node type: its name, documentation, inputs, plain fields and outputs (port → kind, the first is default)."""

    name: str
    version: int
    doc: str
    inputs: tuple[FieldFacts, ...]
    fields: tuple[FieldFacts, ...]
    outputs: Mapping[str, str]

    @property
    def wiring(self) -> str:
        """`Model, Conditioning, Latent → Latent`."""
        taken = ", ".join(f"{it.kind}{' …' if it.many else ''}" for it in self.inputs) or "nothing"
        return f"{taken} → {', '.join(dict.fromkeys(self.outputs.values()))}"


@cache
def schema_of(node_type: type[Node]) -> Schema:
    """The JSON Schema of a node type's fields, as pydantic gives it, with what the fields are for."""
    schema = node_type.model_json_schema(by_alias=True)
    for attribute, text in descriptions(node_type).items():
        schema["properties"][node_type.model_fields[attribute].alias or attribute]["description"] = text
    return schema


def facts_of(node_type: type[Node]) -> TypeFacts:
    """Everything about a node type."""
    wired = set(input_fields(node_type))
    inputs: list[FieldFacts] = []
    fields: list[FieldFacts] = []
    for attribute, field in node_type.model_fields.items():
        name = field.alias or attribute
        schema = schema_of(node_type)["properties"][name]
        default = None if field.is_required() or isinstance(field.default, Wire) else to_json(field.default)
        about = " ".join(descriptions(node_type).get(attribute, "").split())
        if attribute in wired:
            inputs.append(FieldFacts(name, about, field.is_required(), _kind(schema), _is_list(schema)))
        else:
            values = values_text(schema)
            fields.append(FieldFacts(name, about, field.is_required(), values=values, default=default))
    doc = " ".join((node_type.__doc__ or "").split())
    return TypeFacts(
        node_type.name, node_type.version, doc, tuple(inputs), tuple(fields), dict(node_type.outputs)
    )


def values_text(schema: Schema) -> str:
    """What a schema accepts, in words: `whole number, 1 to 1000`, `stretch, cover or pad`, `list of texts`."""
    if "anyOf" in schema:
        parts = [values_text(part) for part in schema["anyOf"] if not _is_left_out(part)]
        return _either(list(dict.fromkeys(parts)))
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return _either([str(value) for value in schema["enum"]])
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next(it for it in kind if it != "null")
    if kind == "array":
        return f"list of: {values_text(cast('Schema', schema.get('items', {})))}"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    return words.get(str(kind), "mapping") + _limits(schema)


def _limits(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and high != _HIGHEST:
        return f", {low} to {high}"
    named = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    words = [
        f"{word} {schema[key]}" for key, word in named.items() if key in schema and schema[key] != _HIGHEST
    ]
    return f", {' and '.join(words)}" if words else ""


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _is_left_out(schema: Schema) -> bool:
    """Null, which only says that a field may be left out, and params, which every field takes."""
    return schema.get("type") == "null" or str(schema.get("pattern", "")).startswith(r"^\$params")


def _kind(schema: Schema) -> str:
    if "anyOf" in schema:
        return next(_kind(part) for part in schema["anyOf"] if part.get("type") != "null")
    return str(schema["items"]["title"] if _is_list(schema) else schema["title"])


def _is_list(schema: Schema) -> bool:
    return schema.get("type") == "array"
