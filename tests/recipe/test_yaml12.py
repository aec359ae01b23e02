"""YAML 1.2 and nothing else, the same from libyaml and from PyYAML's own parser."""

import math
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdflow.problems import UserError
from sdflow.recipe import to_json, to_yaml
from sdflow.recipe.marks import Mark
from sdflow.recipe.scalars import core_scalar
from sdflow.recipe.yaml12 import Tree, parse_yaml
from tests.recipe.strategies import JSON, TEXTS

CORE_SCHEMA = {
    # https://yaml.org/spec/1.2.2/#1032-tag-resolution, and what YAML 1.1 makes of the same texts
    "no": "no",
    "yes": "yes",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "true": True,
    "False": False,
    "TRUE": True,
    "tRUE": "tRUE",
    "null": None,
    "~": None,
    "NULL": None,
    "nULL": "nULL",
    "1e-4": 1e-4,
    "1E4": 1e4,
    "1.": 1.0,
    ".5": 0.5,
    "-.5": -0.5,
    "+1": 1,
    "-0": 0,
    "0123": 123,
    "089": 89,
    "0o17": 15,
    "0O17": "0O17",
    "0x1f": 31,
    "0X1f": "0X1f",
    "-0x1f": "-0x1f",
    "0b1": "0b1",
    "12:30:45": "12:30:45",
    "12:30": "12:30",
    "1_000": "1_000",
    "2026-01-02": "2026-01-02",
    "1.5.2": "1.5.2",
    "=": "=",
    "e5": "e5",
    ".": ".",
    "-": "-",
    "+": "+",
    ".inf": math.inf,
    "-.Inf": -math.inf,
    "+.INF": math.inf,
    "inf": "inf",
    "٣": "٣",
}


@pytest.mark.parametrize(("text", "value"), CORE_SCHEMA.items())
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = core_scalar(text)
    assert (type(found), found) == (type(value), value)


def test_not_a_number_is_a_number() -> None:
    for text in (".nan", ".NaN", ".NAN"):
        found = core_scalar(text)
        assert isinstance(found, float)
        assert math.isnan(found)


# The expressions of the specification, word for word.
SPECIFIED = (
    (r"null|Null|NULL|~|", type(None)),
    (r"true|True|TRUE|false|False|FALSE", bool),
    (r"[-+]?[0-9]+", int),
    (r"0o[0-7]+", int),
    (r"0x[0-9a-fA-F]+", int),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
    (r"[-+]?(\.inf|\.Inf|\.INF)", float),
    (r"\.nan|\.NaN|\.NAN", float),
)


@given(st.text(st.sampled_from("0123456789+-.eExXoabfInNTtruelsUL~ "), max_size=9) | TEXTS)
@example("0o18")
@example("1e")
@example("+.nan")
def test_types_are_those_of_the_specification(text: str) -> None:
    wanted = next((kind for pattern, kind in SPECIFIED if re.fullmatch(pattern, text)), str)
    assert type(core_scalar(text)) is wanted


def tree(text: str, *, pure_python: bool = False) -> Tree:
    return parse_yaml(text.encode(), "t.yaml", pure_python=pure_python)


def outcome(data: bytes, *, pure_python: bool) -> object:
    """Values, the marks of those that are written, and codes of problems; or of what ended the reading."""
    try:
        found = parse_yaml(data, "t.yaml", pure_python=pure_python)
    except UserError as error:
        return sorted({problem.code for problem in error.problems})
    return found.value, plain(found.marks.mark), [problem.code for problem in found.problems]


def plain(mark: Mark) -> object:
    children = mark.children
    if isinstance(children, dict):
        return [(key, child.key_place, plain(child)) for key, child in children.items()]
    if isinstance(children, list):
        return [plain(child) for child in children]
    return (mark.start, mark.end) if mark.end > mark.start else None


YAML_TEXT = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b: ",
                "- ",
                "? ",
                ": ",
                "\n",
                "\n  ",
                "\n    ",
                "[",
                "]",
                "{",
                "}",
                ", ",
                "'",
                '"',
                "|\n",
                ">-\n",
            ),
            *(
                "&x ",
                "*x",
                "!t ",
                "# c\n",
                "\t",
                " ",
                "1",
                "1e3",
                "é",
                "😀",
                "\\n",
                "$a",
                "---\n",
                "...\n",
                "\r\n",
            ),
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(YAML_TEXT)
def test_both_parsers_agree_on_what_is_valid(text: str) -> None:
    ours, theirs = (outcome(text.encode(), pure_python=pure) for pure in (False, True))
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        assert ours == theirs


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | YAML_TEXT.map(str.encode) | TEXTS.map(str.encode), st.booleans())
@example(b'"\\U00110000"', True)
@example(b'"\\ud800"', True)
@example(b"&a [*a]", False)
@example(b"%YAML 1.1\n---\na", False)
def test_nothing_but_a_users_mistake_comes_out_of_any_bytes(data: bytes, pure_python: bool) -> None:
    outcome(data, pure_python=pure_python)


@settings(deadline=None)
@given(JSON)
def test_what_is_written_is_read_again(value: Any) -> None:
    for written in (to_yaml(value), to_json(value)):
        found = tree(written)
        assert not found.problems
        assert to_json(found.value) == to_json(value)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.integers() | st.text("abc xyz"), max_size=5
    )
)
def test_marks_stand_where_the_text_is(value: dict[str, Any]) -> None:
    text = yaml.safe_dump(value)
    found = tree(text)
    lines = text.splitlines()
    for key in value:
        at = found.marks.at([key], key=True)
        assert lines[at.line - 1][at.column - 1 :][: at.length].strip("'") == key


def test_marks_of_paths_that_are_not_in_the_file_are_the_nearest() -> None:
    marks = tree("node:\n  list: [1, {a: 2}]\n").marks.part("node")
    assert (marks.at([]).line, marks.at([]).column) == (1, 1)
    assert marks.at(["list", "union-tag", 1, "a"]).column == 17
    assert marks.at(["list", 1, "a"], key=True).column == 14
    assert marks.at(["list", 7]).column == 9
    assert marks.at(["missing"]).line == 1
    assert marks.at(["missing"], key=True).line == 1


def test_an_alias_shares_its_value_and_stands_where_it_is_written() -> None:
    found = tree("a: &x {b: 1}\nc: *x\n")
    assert isinstance(found.value, dict)
    assert found.value["c"] is found.value["a"]
    assert (found.marks.at(["c"]).line, found.marks.at(["c", "b"]).line) == (2, 1)


def test_lines_end_as_in_any_editor() -> None:
    assert tree("a: 1\r\nb: 2\rc: 3\n").marks.at(["c"]).line == 3
