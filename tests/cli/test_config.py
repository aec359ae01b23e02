"""The resolved recipe: every value with its source, and a recipe again."""

import json
from pathlib import Path

import pytest

from sdflow.recipe import Changes, compose, parse_recipe, read_recipe
from tests.cli.conftest import Sdflow

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


def commented(text: str) -> dict[str, str]:
    """Line without its comment → comment."""
    parts = [line.partition("  # ") for line in text.splitlines()]
    return {code.rstrip(): comment for code, _, comment in parts}


def test_where_values_come_from(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("# mine\nsecond: 7\n")
    said = commented(
        sdflow("config", "sum.yaml", "-p", "first=3", "-f", "values.yaml", "-s", "nodes.top.plus=4").out
    )
    assert said["    value: $params.first"] == "3 (-p)"
    assert said["    value: $params.second"] == "7 (values file values.yaml:2)"
    assert said["    default: 3"] == "-p"
    assert said["    min: 0"] == "line 4"
    assert said["    plus: 4"] == "-s"
    assert said["    plus: 0"] == "default"
    assert said["    type: add"] == "line 10"
    assert said["    scale: 1.0"] == "default"
    assert said['  "{name}-{params.first}.png": $top'] == "line 12"


def test_a_matrix(sdflow: Sdflow) -> None:
    said = commented(sdflow("config", "sum.yaml", "--matrix", "first=1,2").out)
    assert said["    value: $params.first"] == "2 values, from the matrix"
    assert said["  first: [1, 2]"] == "--matrix"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_what_is_printed_is_the_same_recipe(sdflow: Sdflow, path: Path) -> None:
    printed = sdflow("config", path).out
    again, before = (
        compose(parse_recipe(printed.encode(), "printed.yaml", base=path.parent)),
        compose(read_recipe(path)),
    )
    assert [cell.params for cell in again.cells] == [cell.params for cell in before.cells]
    assert [cell.outputs[0].path for cell in again.cells] == [cell.outputs[0].path for cell in before.cells]
    for one, other in zip(again.cells[0].nodes, before.cells[0].nodes, strict=True):
        assert (one.name, one.type) == (other.name, other.type)
        assert {**one.fields, **other.fields} == one.fields


def test_as_json(sdflow: Sdflow) -> None:
    resolved = json.loads(sdflow("config", "sum.yaml", "-p", "first=3", "--json").out)
    assert resolved["params"]["first"]["default"] == 3
    assert resolved == compose(read_recipe(Path("sum.yaml")), Changes(params=("first=3",))).resolved


def test_a_mistake(sdflow: Sdflow) -> None:
    answer = sdflow("config", "sum.yaml", "-p", "frist=3")
    assert answer.code == 2
    assert answer.err.startswith(
        "command line:1:4: SDF131 the recipe has no param `frist`\n  -p frist=3\n     ^~~~~\n"
    )
