"""What there is to know of a node type, read off its class: for the table, the page and the editor's schema."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from pydantic import BaseModel

from sdflow.composition import Json
from sdflow.graph.descriptions import descriptions
from sdflow.graph.field_kinds import input_fields, models_in, part_of, to_json
from sdflow.graph.node import Node

Schema = dict[str, Any]
_HIGHEST = 2**63 - 1
"""The largest seed: a limit of the format that nobody needs to be told."""


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """A field as it is written in recipes.

    `kind` is the kind of value that an input takes, empty for a plain field; `many` says that it takes a list of
    them. `values` says what a plain field takes, in words. `default` is None for what is required or left out.
    `within` is the field whose mapping this is a field of, and which stands before it in `name`.
    """

    name: str
    description: str
    required: bool
    kind: str = ""
    many: bool = False
    values: str = ""
    default: Json = None
    within: str = ""


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
        """`Model, Conditioning, Latent → Latent`, without the inputs of parts."""
        own = [it for it in self.inputs if not it.within]
        taken = ", ".join(f"{it.kind}{' …' if it.many else ''}" for it in own) or "nothing"
        given = ", ".join(dict.fromkeys(self.outputs.values()))
        return f"{taken} → {given}" if given else "params → its outputs"


@cache
def schema_of(node_type: type[Node]) -> Schema:
    """The JSON Schema of a node type's fields, as pydantic gives it, with what the fields are for."""
    schema = node_type.model_json_schema(by_alias=True)
    _describe(schema, node_type)
    for field in node_type.model_fields.values():
        for model in models_in(field.annotation):
            if model.__name__ in schema.get("$defs", {}):
                _describe(schema["$defs"][model.__name__], model)
    return schema


def _describe(schema: Schema, holder: type[BaseModel]) -> None:
    for attribute, text in descriptions(holder).items():
        schema["properties"][holder.model_fields[attribute].alias or attribute]["description"] = text


def facts_of(node_type: type[Node]) -> TypeFacts:
    """Everything about a node type."""
    schema = schema_of(node_type)
    found = list(_fields_of(node_type, schema, schema.get("$defs", {}), ""))
    inputs = tuple(it for it in found if it.kind)
    fields = tuple(it for it in found if not it.kind)
    doc = " ".join((node_type.__doc__ or "").split())
    return TypeFacts(node_type.name, node_type.version, doc, inputs, fields, dict(node_type.outputs))


def _fields_of(
    holder: type[BaseModel], schema: Schema, definitions: Schema, within: str
) -> Iterator[FieldFacts]:
    """The fields of a node type or of a part, each followed by those of the parts that it holds."""
    wired = set(input_fields(holder))
    for attribute, field in holder.model_fields.items():
        name = field.alias or attribute
        about = schema["properties"][name]
        facts = FieldFacts(
            f"{within}.{name}" if within else name,
            " ".join(descriptions(holder).get(attribute, "").split()),
            field.is_required(),
            within=within,
        )
        part = part_of(holder, attribute)
        if attribute in wired:
            yield replace(facts, kind=_kind(about), many=_is_list(about))
        else:
            default = None if field.is_required() else to_json(field.default)
            yield replace(facts, values=values_text(about), default=default)
        if part is not None:
            yield from _fields_of(part, definitions[part.__name__], definitions, facts.name)


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
