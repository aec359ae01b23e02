"""`sdflow migrate`, with a version 2 that does not exist: what `value` was is `number`, and `note` is gone."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.problems import UserError
from sdflow.recipe.marks import TreeMarks
from sdflow.recipe.migration import Edit, Step, edited, migrated, renamed_key, replaced_value
from sdflow.recipe.sections import read_sections
from sdflow.recipe.source import Source
from sdflow.recipe.versions import STEPS
from sdflow.recipe.yaml12 import Tree, parse_text


def renamed(tree: Tree) -> Iterator[Edit]:
    """In nodes of type `make`: `value` becomes `number`, and a `plus` of 0 becomes 1."""
    assert isinstance(tree.value, dict)
    nodes = tree.value["nodes"]
    assert isinstance(nodes, dict)
    for name, node in nodes.items():
        assert isinstance(node, dict)
        if node.get("type") == "make" and "value" in node:
            yield renamed_key(tree.marks, ["nodes", name, "value"], "number")
        if node.get("plus") == 0:
            yield replaced_value(tree.marks, ["nodes", name, "plus"], 1)


def described(tree: Tree) -> Iterator[Edit]:
    """A description that is not there is said to be: written where the null was."""
    assert isinstance(tree.value, dict)
    if "description" in tree.value and tree.value["description"] is None:
        yield replaced_value(tree.marks, ["description"], "none: given")


TO_2 = Step(1, "value is called number", renamed)
TO_3 = Step(2, "a description is a text", described)

OLD = """\
# A comment before all.
sdflow:   1    # the version
description:
nodes:
  one: {type: make,   value: 3}   # three
  "two":
    type: make
    'value':    $params.second # quoted

  same: &it {type: make, value: 1}
  again: *it
  sum: {type: add, of: [$one, $two], plus: 0}


outputs: { "a.png": $sum }
# The end."""

NEW = """\
# A comment before all.
sdflow:   3    # the version
description: "none: given"
nodes:
  one: {type: make,   number: 3}   # three
  "two":
    type: make
    "number":    $params.second # quoted

  same: &it {type: make, number: 1}
  again: *it
  sum: {type: add, of: [$one, $two], plus: 1}


outputs: { "a.png": $sum }
# The end."""


def test_comments_and_layout_stay() -> None:
    found = migrated(OLD.encode(), "old.yaml", [TO_2, TO_3])
    assert found.after == NEW
    assert (found.before, found.version, found.steps) == (OLD, 1, (TO_2, TO_3))


def test_line_ends_stay() -> None:
    crlf = OLD.replace("\n", "\r\n").encode()
    assert migrated(crlf, "old.yaml", [TO_2, TO_3]).after == NEW.replace("\n", "\r\n")


def test_it_begins_where_the_recipe_is_and_a_current_one_stays() -> None:
    second = migrated(OLD.encode(), "old.yaml", [TO_2]).after
    assert migrated(second.encode(), "old.yaml", [TO_2, TO_3]).steps == (TO_3,)
    assert migrated(NEW.encode(), "new.yaml", [TO_2, TO_3]).after == NEW
    assert migrated(NEW.encode(), "new.yaml", [TO_2, TO_3]).steps == ()


def test_json_is_a_recipe_too() -> None:
    """What a picture carries is JSON on one line, or indented."""
    text = json.dumps({"sdflow": 1, "nodes": {"one": {"type": "make", "value": 3}}})
    assert json.loads(migrated(text.encode(), "x.png", [TO_2]).after) == {
        "sdflow": 2,
        "nodes": {"one": {"type": "make", "number": 3}},
    }


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("sdflow: 4\n", "SDF116", "upgrade sdflow"),
        ("sdflow: 0\n", "SDF116", "write `sdflow: 3`"),
        ("sdflow: one\n", "SDF116", "write `sdflow: 3`"),
        ("name: x\n", "SDF118", "sdflow: 1"),
        ("- sdflow\n", "SDF119", "sdflow: 1"),
        ("sdflow: 1\nsdflow: 1\n", "SDF108", ""),
    ],
)
def test_what_cannot_be_migrated(text: str, code: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        migrated(text.encode(), "old.yaml", [TO_2, TO_3])
    (problem,) = caught.value.problems
    assert problem.code == code
    assert hint in (problem.hint or "")
    assert problem.position is not None


def test_a_step_that_breaks_a_recipe_is_told_and_nothing_comes_of_it() -> None:
    broken = Step(1, "nonsense", lambda _: [Edit(0, 0, "[")])
    twice = Step(1, "nonsense", lambda _: [Edit(0, 9, "a: 1"), Edit(3, 12, "b: 1")])
    for step in (broken, twice):
        with pytest.raises(UserError) as caught:
            migrated(OLD.encode(), "old.yaml", [step])
        assert [problem.code for problem in caught.value.problems] == ["SDF788"]


@given(st.text("ab#: \n", max_size=40), st.lists(st.integers(0, 40), max_size=8))
def test_what_no_edit_is_about_stays(text: str, places: list[int]) -> None:
    """Insertions alone: taken out again, the text is what it was."""
    inserts = [Edit(min(place, len(text)), min(place, len(text)), "§") for place in places]
    assert edited(text, inserts).replace("§", "") == text
    assert edited(text, inserts).count("§") == len({edit.start for edit in inserts})


def test_an_older_recipe_is_not_run_and_the_way_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdflow.recipe.sections.FORMAT_VERSION", 2)
    with pytest.raises(UserError) as caught:
        read_sections(parse_text(Source("old.yaml", OLD)), "old")
    assert caught.value.problems[0].hint == "bring it up to date with `sdflow migrate`"


def test_there_is_one_version_and_the_marks_are_those_of_the_reader() -> None:
    assert STEPS == ()
    tree = parse_text(Source("x", OLD))
    assert isinstance(tree.marks, TreeMarks)
