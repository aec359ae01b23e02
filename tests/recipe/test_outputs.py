"""Names of output files: templates, safe names, and no two outputs in one file."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdflow.recipe import compose, draft, parse_recipe, to_yaml
from sdflow.recipe.safe_names import LONGEST_VALUE, safe_component, safe_value, why_not_portable


def recipe(
    outputs: dict[str, str], params: dict[str, Any] | None = None, matrix: dict[str, Any] | None = None
) -> Any:
    written: dict[str, Any] = {"sdflow": 1, "name": "cat", "params": params or {}, "matrix": matrix or {}}
    written |= {"nodes": {"image": {"type": "x"}}, "outputs": outputs}
    return parse_recipe(to_yaml(written).encode(), "cat.yaml")


def path(template: str, **params: Any) -> str:
    return compose(recipe({template: "$image"}, params)).cells[0].outputs[0].path


@pytest.mark.parametrize(
    ("template", "params", "name"),
    [
        ("{name}.png", {}, "cat.png"),
        ("{name}/{cell}.png", {}, "cat/single.png"),
        ("{params.seed:05d}.png", {"seed": 42}, "00042.png"),
        ("{params.seed:05d}.png", {"seed": -42}, "-0042.png"),
        ("{params.seed:d}.png", {"seed": 42}, "42.png"),
        ("{params.seed:.2f}.png", {"seed": 42}, "42.00.png"),
        ("{params.g:.2f}.png", {"g": 7.456}, "7.46.png"),
        ("{params.g:07.2f}.png", {"g": 7.456}, "0007.46.png"),
        ("{params.g}.png", {"g": 7.0}, "7.0.png"),
        ("{params.b}.png", {"b": True}, "true.png"),
        ("{params.l}.png", {"l": [1, "a/b"]}, "1,a_b.png"),
        ("{params.p}.png", {"p": "../../etc/passwd"}, "_.._etc_passwd.png"),
        ("{params.p}.png", {"p": "..."}, "_.png"),
        ("{params.p}.png", {"p": ""}, "_.png"),
        ("{params.p}/x.png", {"p": " . "}, "_/x.png"),
        ("{params.p}.png", {"p": "a\n\x1b\u202eb"}, "a___b.png"),
        ("{params.p}.png", {"p": "CON"}, "CON_.png"),
        ("c{params.p}.png", {"p": "on"}, "con_.png"),
        ("{params.p}.png", {"p": "e\u0301"}, "\u00e9.png"),
        ("{params.p}.png", {"p": "{index} {x}"}, "{{index}} {{x}}.png"),
        ("a{{b}}-{index}.png", {}, "a{{b}}-{index}.png"),
        ("a-{index:03d}.png", {}, "a-{index:03d}.png"),
    ],
)
def test_templates(template: str, params: dict[str, Any], name: str) -> None:
    assert path(template, **params) == name


def test_braces_and_the_index_are_those_that_the_graph_room_reads() -> None:
    from sdflow.graph.outputs import file_name, has_index

    template = path("{params.p}{{-{index:03d}.png", p="{index}")
    assert has_index(template)
    assert file_name(template, 7) == "{index}{-007.png"
    assert not has_index(path("{params.p}.png", p="{index}"))


def test_long_values_end_in_their_digest() -> None:
    first, second = path("{params.p}.png", p="é" * 200 + "a"), path("{params.p}.png", p="é" * 200 + "b")
    assert first != second
    assert all(len(name.encode()) <= LONGEST_VALUE + 4 and "~" in name for name in (first, second))


@given(st.text(st.characters()))
def test_safe_values_are_safe_everywhere(text: str) -> None:
    safe = safe_value(text)
    assert why_not_portable(safe_component(safe)) is None
    assert unicodedata.is_normalized("NFC", safe)
    assert len(safe.encode()) <= LONGEST_VALUE
    assert not safe.startswith(".")
    assert safe not in ("", ".", "..")
    assert safe_value(safe) == safe


@given(st.text("abc XYZ-_0123456789", min_size=1, max_size=20).map(str.strip).filter(bool))
def test_plain_values_stay_as_they_are(text: str) -> None:
    assert safe_value(text) == text


def problems(
    outputs: list[str], params: dict[str, Any], matrix: dict[str, Any]
) -> list[tuple[str, str, str]]:
    found = draft(recipe(dict.fromkeys(outputs, "$image"), params, matrix)).problems
    return [(problem.code, problem.message, problem.hint or "") for problem in found]


def test_a_collision_names_the_missing_placeholder_and_the_cells() -> None:
    ((code, message, hint),) = problems(["{name}.png"], {"seed": 1, "p": "x"}, {"seed": [1, 2], "p": ["x"]})
    assert code == "SDF154"
    assert "`seed=1` and `seed=2`" in message
    assert "{params.seed}" in hint
    ((_, _, hint),) = problems(
        ["{params.seed}.png"], {"seed": 1, "p": "x"}, {"seed": [1, 2], "p": ["x", "y"]}
    )
    assert "{params.p}" in hint


def test_values_that_become_one_name_are_told_apart_by_the_cell() -> None:
    ((_, _, hint),) = problems(["{params.p}.png"], {"p": ""}, {"p": ["a/b", "a:b"]})
    assert "{cell}" in hint
    assert problems(["{cell}.png"], {"p": ""}, {"p": ["a/b", "a:b", "A/B", "a_b"]}) == []


@pytest.mark.parametrize(
    ("outputs", "collide"),
    [
        (["a.png", "b.png"], False),
        (["a.png", "A.PNG"], True),
        (["ß.png", "SS.png"], True),
        (["a/b.png", "a/c.png"], False),
        (["a.png", "a.png/b.png"], True),
        (["a-{index}.png", "a-1.png"], True),
        (["a-{index:02d}.png", "a-{index}.png"], True),
        (["a-{index}.png", "a-x.png"], False),
        (["a-{index}.png", "b-1.png"], False),
        (["a{{index}}.png", "a1.png"], False),
    ],
)
def test_collisions(outputs: list[str], collide: bool) -> None:
    assert [code for code, _, _ in problems(outputs, {}, {})] == (["SDF154"] if collide else [])


def test_a_wrong_name_does_not_hide_its_reference() -> None:
    drafted = draft(recipe({"{nme}.png": "$image"}))
    assert [problem.code for problem in drafted.problems] == ["SDF151"]
    assert [output.ref.node for output in drafted.composition.cells[0].outputs] == ["image"]
