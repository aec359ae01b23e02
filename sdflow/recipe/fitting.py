"""Whether a value fits a param, and what it becomes: the one place that knows the types of params."""

import math

from sdflow.composition import Json
from sdflow.problems import nearest
from sdflow.recipe.model import Param, json_type
from sdflow.recipe.proposals import listed
from sdflow.recipe.scalars import core_scalar, is_usable
from sdflow.recipe.source import Source

_WANTED = {
    "int": "an integer",
    "float": "a number",
    "string": "a text",
    "bool": "`true` or `false`",
    "list": "a list",
    "seed": "an integer from 0 to 2^63 - 1, a list of them, or `random`",
}


class MisfitError(Exception):
    """A value does not fit; the message goes on from the param's name, `hint` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def fit(param: Param, value: Json) -> Json:
    """The value as the param's type holds it: an integer given to a float becomes a float.

    Raises:
        MisfitError: wrong type, outside the limits, or none of the choices.
    """
    if value is None:
        if param.optional:
            return None
        raise MisfitError(f"must be {_wanted(param)}, not null")
    if param.wired:
        raise MisfitError(f"must be {_wanted(param)}, not {_described(value)}", "write `$node`")
    if not _is_unicode(value):
        raise MisfitError("is not valid Unicode: it holds half of a surrogate pair")
    value = _typed(param, value)
    if param.choices is not None and not any(_same(value, choice) for choice in param.choices):
        raise _not_a_choice(param, value)
    for item in value if isinstance(value, list) else [value]:
        _check_limits(param, item)
    return value


def fit_text(param: Param, text: str) -> Json:
    """The value that a text of the command line means to this param: `string` params take it as it is.

    Raises:
        MisfitError: as `fit` does, and for a list that cannot be read.
    """
    if param.wired:
        hint = "a node of type `recipe` in another recipe gives it"
        raise MisfitError(f"must be {_wanted(param)}, which no option can give", hint)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise MisfitError("is not valid UTF-8")
    if param.type == "string":
        return fit(param, text)
    if param.type == "choice":
        return fit(param, next((choice for choice in param.choices or () if shown(choice) == text), text))
    if text.startswith("["):
        return fit(param, read_flow(text))
    if param.type == "list":
        raise MisfitError(f"must be a list, not `{text[:40]}`", "write it as `[a, b]`")
    return fit(param, core_scalar(text))


def read_flow(text: str) -> Json:
    """A list, mapping or quoted text of the command line, in YAML's flow form.

    Raises:
        MisfitError: it cannot be read.
    """
    from sdflow.problems import UserError
    from sdflow.recipe.yaml12 import parse_text

    try:
        tree = parse_text(Source("command line", text))
    except UserError as error:
        raise MisfitError(f"cannot be read: {error.problems[0].message}", error.problems[0].hint) from None
    if tree.problems:
        raise MisfitError(f"cannot be read: {tree.problems[0].message}", tree.problems[0].hint)
    return tree.value


def inferred_type(value: Json) -> str | None:
    """The type of a param that is only its default, or None for a null and a mapping."""
    names = {bool: "bool", int: "int", float: "float", str: "string", list: "list"}
    return names.get(type(value))


def shown(value: Json) -> str:
    """A value as a recipe writes it, texts without quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _is_unicode(value: Json) -> bool:
    """Whether all texts in a value can be written as UTF-8; what comes from Python need not."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(_is_unicode(key) and _is_unicode(item) for key, item in value.items())
    return not isinstance(value, list) or all(map(_is_unicode, value))


def _typed(param: Param, value: Json) -> Json:
    if param.type == "choice":
        return value
    if param.type == "list":
        return _list(param, value)
    if param.type == "seed":
        return _seed(value)
    return _scalar(param.type, value)


def _scalar(kind: str, value: Json) -> Json:
    if kind == "float" and type(value) in (int, float):
        number = float(value) if is_usable(value) else math.nan  # type: ignore[arg-type]  # a number by the line above
        if math.isfinite(number):
            return number
        raise MisfitError("must be a finite number")
    wanted = {"int": int, "string": str, "bool": bool}.get(kind)
    if type(value) is not wanted:
        raise MisfitError(f"must be {_WANTED[kind]}, not {_described(value)}", _conversion_hint(kind, value))
    if kind == "int" and not is_usable(value):  # type: ignore[arg-type]  # an int by the line above
        raise MisfitError("does not fit into 64 bits")
    return value


def _conversion_hint(kind: str, value: Json) -> str | None:
    if kind == "int" and isinstance(value, float):
        return "declare the param with `type: float` to allow fractions"
    if kind == "int" and value == "random":
        return "declare the param with `type: seed` to allow `random` and lists"
    if kind == "string" and not isinstance(value, list | dict):
        return f'quote it: "{shown(value)}"'
    if kind == "bool" and isinstance(value, str) and value.casefold() in ("yes", "no", "on", "off"):
        return "YAML 1.2 knows only `true` and `false`"
    return None


def _list(param: Param, value: Json) -> Json:
    if not isinstance(value, list):
        raise MisfitError(f"must be a list, not {_described(value)}")
    if param.items is None:
        return value
    items: list[Json] = []
    for place, item in enumerate(value):
        try:
            items.append(_scalar(param.items, item))
        except MisfitError as error:
            raise MisfitError(f"item {place + 1} {error}", error.hint) from None
    return items


def _seed(value: Json) -> Json:
    seeds = value if isinstance(value, list) else [value]
    good = all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
    if value == "random" or (seeds and good):
        return value
    raise MisfitError(f"must be {_WANTED['seed']}, not {_described(value)}")


def _check_limits(param: Param, value: Json) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if param.min is not None and value < param.min:
        raise MisfitError(f"must be at least {param.min}, not {value}")
    if param.max is not None and value > param.max:
        raise MisfitError(f"must be at most {param.max}, not {value}")


def _not_a_choice(param: Param, value: Json) -> MisfitError:
    choices = [shown(choice) for choice in param.choices or ()]
    close = nearest(shown(value), choices)
    hint = f"did you mean `{close}`?" if close else None
    return MisfitError(f"must be one of {listed(choices)}, not {_described(value)}", hint)


def _same(left: Json, right: Json) -> bool:
    return type(left) is type(right) and left == right


def _wanted(param: Param) -> str:
    if param.wired:
        return f"an output of a node that gives {_article(param.type)} {param.type}"
    return _WANTED.get(param.type, "one of its choices")


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _described(value: Json) -> str:
    if isinstance(value, list | dict):
        return json_type(value)
    return f"the text `{value[:40]}`" if isinstance(value, str) else shown(value)
