"""The JSON Schema of recipes, for editors: draft 7, with `if`/`then` by node type.

Editors' YAML servers read draft 7 best and ignore `discriminator`, which is why a union by type would give neither
completion nor a message that helps. Descriptions stand beside what they describe, not behind a `$ref`.
"""

import re
from collections.abc import Iterable
from typing import Any, cast

from sdflow.cli.node_facts import Schema, facts_of, schema_of
from sdflow.graph.field_kinds import input_fields
from sdflow.graph.node import Node
from sdflow.graph.registry import Registry
from sdflow.graph.wire import INPUT_PATTERN
from sdflow.recipe import Param
from sdflow.recipe.model import FORMAT_VERSION

DRAFT = "http://json-schema.org/draft-07/schema#"
_NAME = "[A-Za-z][A-Za-z0-9_-]{0,63}"
_NODE = f"{_NAME}(/{_NAME})*"
_PARAM = {"type": "string", "pattern": rf"^\$params\.{_NAME}$"}
_REFERENCE = rf"^\$(?!params\.){_NODE}(\.{_NAME})?$"
_GIVEN = rf"^\${_NODE}(\.{_NAME})?$"
"""What an input takes: a reference, or a param that stands for one."""
_TEXT = {"type": "string", "pattern": r"^(\$\$|[^$]|$)"}
"""A text: one that begins with a single `$` is a reference and stands nowhere else."""


def recipe_schema(registry: Registry) -> Schema:
    """The schema of a whole recipe with these node types."""
    types = list(registry)
    return {
        "$schema": DRAFT,
        "title": "sdflow recipe",
        "type": "object",
        "required": ["sdflow", "nodes", "outputs"],
        "additionalProperties": False,
        "properties": {
            "sdflow": {"const": FORMAT_VERSION, "description": "Version of the recipe format."},
            "name": {
                "type": "string",
                "pattern": r"\S",
                "description": "Name of the recipe, for output files; by default that of the file.",
            },
            "description": {"type": "string", "description": "One line for people."},
            "params": _params(),
            "nodes": {
                "type": "object",
                "description": "The graph: name → node. $name in a field is the first output of the node of that name.",
                "minProperties": 1,
                "propertyNames": {"pattern": f"^(?!params$){_NODE}$"},
                "additionalProperties": _node(types),
            },
            "outputs": {
                "type": "object",
                "description": "Files to write: path → $node. {name}, {cell}, {index} and {params.NAME} are filled in.",
                "minProperties": 1,
                "additionalProperties": {"type": "string", "pattern": _REFERENCE},
            },
            "matrix": _matrix(),
        },
    }


def _node(types: Iterable[type[Node]]) -> Schema:
    """Any node: its type first, then the fields of that type."""
    types = list(types)
    listed = [{"const": it.name, "description": facts_of(it).doc} for it in types]
    return {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"description": "What the node does.", "enum": [it.name for it in types], "anyOf": listed}
        },
        "allOf": [
            {
                "if": {"required": ["type"], "properties": {"type": {"const": it.name}}},
                "then": _fields(it),
            }
            for it in types
        ],
    }


def _fields(node_type: type[Node]) -> Schema:
    schema = schema_of(node_type)
    definitions = cast("Schema", schema.get("$defs", {}))
    wired = {node_type.model_fields[name].alias or name for name in input_fields(node_type)}
    properties = {
        name: _input(field) if name in wired else _plain(_inlined(field, definitions))
        for name, field in schema["properties"].items()
    }
    about = {"description": f"{node_type.name}: {facts_of(node_type).doc}"}
    return {
        **about,
        "required": ["type", *schema.get("required", [])],
        "properties": {"type": True, **properties},
        "additionalProperties": False,
    }


def _takes_input(field: Schema) -> bool:
    """Whether this is the schema of an input, within a part of a node."""
    alternatives = field.get("anyOf", [field.get("items", field)])
    return any(it.get("pattern") == INPUT_PATTERN for it in alternatives)


def _input(field: Schema) -> Schema:
    """A reference, or a list of them; the kind is in the description, for no editor follows references."""
    one = {"type": "string", "pattern": _GIVEN}
    if field.get("type") == "array":
        kind = field["items"].get("title", "")
        limits: Schema = {key: field[key] for key in ("minItems", "maxItems") if key in field}
        return {"type": "array", "items": one, **limits, "description": _about(field, f"A list of {kind}.")}
    if "anyOf" in field:
        kind = next(part.get("title", "") for part in field["anyOf"] if part.get("type") != "null")
        return {"anyOf": [one, {"type": "null"}], "description": _about(field, f"{kind}, optional.")}
    return {**one, "description": _about(field, f"{field.get('title', 'Input')}.")}


def _about(field: Schema, kind: str) -> str:
    return f"{kind} {field.get('description', '')}".strip()


def _plain(field: Schema) -> Schema:
    """A plain field: its values, or a param in place of them, also inside lists."""
    if _takes_input(field):
        return _input(field)
    about = {key: field[key] for key in ("description", "default") if field.get(key) is not None}
    values = [_value(part) for part in field.get("anyOf", [field])]
    if examples := field.get("examples"):
        # Names of samplers have many spellings: the canonical ones are offered, others are not refused.
        values.insert(0, {"enum": list(examples)})
    return {**about, "anyOf": [*(it for it in values if it != _PARAM), _PARAM]}


def _value(schema: Schema) -> Schema:
    kept = {key: value for key, value in schema.items() if key not in ("title", "default", "examples")}
    if kept.get("type") == "array" and "items" in kept:
        kept["items"] = {"anyOf": [_value(kept["items"]), _PARAM]}
    if kept.get("type") == "object" and "properties" in kept:
        kept["properties"] = {name: _plain(part) for name, part in kept["properties"].items()}
    kinds = kept.get("type")
    is_text = kinds == "string" or (isinstance(kinds, list) and "string" in kinds)
    if is_text and "enum" not in kept and "pattern" not in kept:
        kept["pattern"] = _TEXT["pattern"]
    if str(kept.get("pattern", "")).startswith(r"^\$params"):
        return dict(_PARAM)
    return kept


def _inlined(schema: Any, definitions: Schema) -> Any:
    """The schema with what stands behind `$ref` in its place."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = re.sub(r"^#/\$defs/", "", str(schema["$ref"]))
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        return {**_inlined(definitions[name], definitions), **_inlined(beside, definitions)}
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def _params() -> Schema:
    declared = Param.model_json_schema()
    declaration = {
        "type": "object",
        "description": "A typed param. A kind such as image stands for an output of a node, by default `$node`.",
        "additionalProperties": False,
        "properties": {name: _declared(field) for name, field in declared["properties"].items()},
    }
    return {
        "type": ["object", "null"],
        "description": "What a caller may change: -p name=value. A plain value is short for its type and default.",
        "propertyNames": {"pattern": f"^{_NAME}$"},
        "additionalProperties": {
            "anyOf": [{"type": ["string", "number", "boolean"]}, {"type": "array", "items": {}}, declaration]
        },
    }


def _declared(field: Schema) -> Schema:
    kept = {key: value for key, value in field.items() if key not in ("title", "default")}
    if "anyOf" in kept:
        kept["anyOf"] = [part for part in kept["anyOf"] if part.get("type") != "null"]
    return kept


def _matrix() -> Schema:
    rules = {"type": "array", "items": {"type": "object", "minProperties": 1}}
    return {
        "type": ["object", "null"],
        "description": "One cell for every combination: param → list of values.",
        "properties": {
            "include": {**rules, "description": "Combinations to add, or params to add to matching ones."},
            "exclude": {**rules, "description": "Combinations to leave out."},
        },
        "additionalProperties": {"type": "array", "minItems": 1},
    }
