"""The matrix: what each cell sets, `include` and `exclude` as CI systems read them, labels."""

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sdflow.recipe.matrix import combinations, fixed, labels
from sdflow.recipe.model import Matrix


def cells(axes: dict[str, list[Any]], include: Any = (), exclude: Any = ()) -> list[dict[str, Any]]:
    return combinations(Matrix(axes=axes, include=tuple(include), exclude=tuple(exclude)))


def test_the_first_axis_changes_slowest() -> None:
    assert cells({"a": [1, 2], "b": [3, 4]}) == [
        {"a": 1, "b": 3},
        {"a": 1, "b": 4},
        {"a": 2, "b": 3},
        {"a": 2, "b": 4},
    ]


def test_exclude_drops_what_agrees_in_all_it_names() -> None:
    assert cells({"a": [1, 2], "b": [3, 4]}, exclude=[{"a": 1}, {"a": 2, "b": 3}]) == [{"a": 2, "b": 4}]


def test_include_as_in_the_documentation_of_github_actions() -> None:
    found = cells(
        {"fruit": ["apple", "pear"], "animal": ["cat", "dog"]},
        include=[
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ],
    )
    assert found == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_include_alone_is_one_cell_for_each() -> None:
    assert cells({}, include=[{"a": 1}, {"a": 2}, {"a": 1}]) == [{"a": 1}, {"a": 2}]


def test_a_boolean_is_not_the_number_one() -> None:
    assert len(cells({}, include=[{"a": 1}, {"a": True}, {"a": 1.0}])) == 3


def test_a_fixed_axis_has_one_value_and_contradictions_go() -> None:
    matrix = Matrix(
        axes={"a": [1, 2], "b": [3, 4]},
        include=({"a": 2, "c": 5}, {"a": 1, "c": 6}, {"a": 9, "b": 9}),
        exclude=({"a": 1, "b": 3},),
    )
    assert combinations(fixed(matrix, {"a": 1})) == [{"a": 1, "b": 4, "c": 6}]
    assert combinations(fixed(matrix, {"c": 0})) == [
        {"a": 1, "b": 4},
        {"a": 2, "b": 3},
        {"a": 2, "b": 4},
        {"a": 9, "b": 9},
    ]


def test_labels_are_short_and_leave_out_what_never_changes() -> None:
    long = "a photograph of an astronaut riding a horse"
    assert labels([{"seed": 1, "p": long, "k": 0}, {"seed": 2, "p": "x", "k": 0}]) == [
        "seed=1,p=a photograph of an astr…",
        "seed=2,p=x",
    ]
    assert labels([{"seed": 1}]) == ["seed=1"]


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), st.text("xy#2 …", max_size=40), max_size=2), min_size=1)
)
def test_labels_are_unique(cells: list[dict[str, Any]]) -> None:
    found = labels(cells)
    assert len(found) == len(cells)
    assert len(set(found)) == len(found)


AXES = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.integers(0, 3), min_size=1, unique=True, max_size=3)
)
RULES = st.lists(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 4), min_size=1), max_size=3)


@given(AXES, RULES)
def test_exclude_against_its_definition(axes: dict[str, list[int]], rules: list[dict[str, int]]) -> None:
    everything = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    wanted = [cell for cell in everything if not any(rule.items() <= cell.items() for rule in rules)]
    assert cells(axes, exclude=rules) == (wanted if axes else [{}])
