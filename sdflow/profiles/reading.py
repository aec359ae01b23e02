"""Which profile is meant: a built-in one by its name, or a file of the user's own, strict as a recipe is."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sdflow.problems import Problem, UserError, nearest, problem
from sdflow.profiles.profile import BUILT_IN, NONE, Chosen, Profile
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.model import json_type
from sdflow.recipe.reading import read_bytes
from sdflow.recipe.yaml12 import parse_yaml

VARIABLE = "SDFLOW_PROFILE"
_ENDINGS = (".yaml", ".yml")


def find_profile(asked: str | None, environ: Mapping[str, str]) -> Chosen:
    """The profile that an option names, else the variable `SDFLOW_PROFILE`, else none.

    Raises:
        UserError: SDF607, no such profile; SDF608 and those of YAML, everything that is wrong with a file.
    """
    origin = "--profile" if asked else VARIABLE
    name = asked or environ.get(VARIABLE, "")
    if not name:
        return NONE
    if name in BUILT_IN:
        return Chosen(BUILT_IN[name], name, origin)
    if not name.endswith(_ENDINGS) and "/" not in name:
        near = nearest(name, BUILT_IN)
        known = f"a profile is {', '.join(BUILT_IN)}, or a file such as ./mine.yaml"
        raise problem(
            "SDF607",
            f"there is no profile {name} ({origin})",
            hint=f"did you mean {near}?" if near else known,
        )
    return Chosen(read_profile(Path(name)), name, origin)


def read_profile(path: Path) -> Profile:
    """A profile from a file.

    Raises:
        UserError: everything that is wrong with it.
    """
    tree = parse_yaml(read_bytes(path), str(path))
    if not isinstance(tree.value, dict):
        message = f"a profile is a mapping, not {json_type(tree.value)}"
        hint = "sdflow profiles low-vram prints one to start from"
        raise UserError(*tree.problems, Problem("SDF608", message, tree.marks.value_position(), hint=hint))
    try:
        profile = Profile.model_validate(tree.value, by_alias=True, by_name=False)
    except ValidationError as error:
        found = _explained(error.errors(include_url=False), tree.marks)
        raise UserError(*tree.problems, *found) from None
    if tree.problems:
        raise UserError(*tree.problems)
    return profile


def _explained(details: list[ErrorDetails], marks: TreeMarks) -> Iterator[Problem]:
    words = [field.alias or name for name, field in Profile.model_fields.items()]
    for detail in details:
        name = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            near = nearest(name, words)
            hint = f"did you mean {near}?" if near else "settings: " + ", ".join(words)
            yield Problem("SDF608", f"a profile has no setting {name}", marks.at([name], key=True), hint=hint)
            continue
        text, hint_or_none = _sentence(detail)
        yield Problem("SDF608", f"{name} {text}", marks.at([name]), hint=hint_or_none)


def _sentence(detail: ErrorDetails) -> tuple[str, str | None]:
    """What a setting takes, and the nearest right word."""
    given, context = detail["input"], detail.get("ctx", {})
    shown = (
        given if isinstance(given, int | float | str) and not isinstance(given, bool) else json_type(given)
    )
    if isinstance(given, bool):
        shown = str(given).lower()
    if detail["type"] == "literal_error":
        expected = str(context["expected"]).replace("'", "")
        near = nearest(given, expected.replace(" or ", ", ").split(", ")) if isinstance(given, str) else None
        return f"takes {expected}, not {shown}", f"did you mean {near}?" if near else None
    takes = {
        "bool_type": "takes true or false",
        "string_type": "takes a text",
        "float_type": "takes a number from 0 to 1",
        "greater_than_equal": "takes a number from 0 to 1",
        "less_than_equal": "takes a number from 0 to 1",
    }
    return f"{takes.get(detail['type'], detail['msg'])}, not {shown}", None
