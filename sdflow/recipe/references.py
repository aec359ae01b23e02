"""References: `$node`, `$node.port` and `$params.name`, as a whole value; `$$` begins a literal `$`."""

import re
from dataclasses import dataclass

from sdflow.composition import Json, Ref

NAME_RULE = "letters, digits, `-` and `_`, beginning with a letter, at most 64"
NODE_RULE = f"{NAME_RULE}; a `/` between such names says that the node is from another recipe"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NODE = re.compile(rf"{_NAME.pattern}(?:/{_NAME.pattern})*")
_REFERENCE = re.compile(rf"\$({_NODE.pattern})(?:\.({_NAME.pattern}))?")


@dataclass(frozen=True, slots=True)
class ParamRef:
    """`$params.name`: the value of a param, as the whole value of a field."""

    name: str

    def __str__(self) -> str:
        return f"$params.{self.name}"


class BadReferenceError(Exception):
    """A text begins with `$` and is neither a reference nor an escaped text; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def is_name(text: str) -> bool:
    """Whether a param can have this name."""
    return _NAME.fullmatch(text) is not None


def is_node_name(text: str) -> bool:
    """Whether a node can have this name; those of other recipes are called `node/inner`."""
    return _NODE.fullmatch(text) is not None


def read_text(text: str) -> str | Ref | ParamRef:
    """What a text of a recipe stands for.

    Raises:
        BadReferenceError: it begins with a single `$` and is no reference.
    """
    if not text.startswith("$"):
        return text
    if text.startswith("$$"):
        return text[1:]
    found = _REFERENCE.fullmatch(text)
    if found is None:
        hint = "a reference is `$node`, `$node.port` or `$params.name`; `$$` begins a text with `$`"
        raise BadReferenceError(f"`{text[:40]}` is not a reference", hint)
    node, port = found[1], found[2]
    if node != "params":
        return Ref(node, port)
    if port is None:
        raise BadReferenceError("`$params` does not say which param", "write `$params.NAME`")
    return ParamRef(port)


def read_literal(value: Json) -> Json:
    """The value with `$$` unescaped in all its texts, for places where only plain values can stand.

    Raises:
        BadReferenceError: a text is a reference, or begins with a single `$`.
    """
    if isinstance(value, str):
        plain = read_text(value)
        if isinstance(plain, str):
            return plain
        raise BadReferenceError(
            f"`{value}`: a value here cannot be a reference", f"write `${value}` for the text"
        )
    if isinstance(value, list):
        return [read_literal(item) for item in value]
    if isinstance(value, dict):
        return {key: read_literal(item) for key, item in value.items()}
    return value


def escaped(value: Json) -> Json:
    """The inverse of `read_literal`: the value as it is written in a recipe."""
    if isinstance(value, str):
        return "$" + value if value.startswith("$") else value
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return value
