"""Recipes as nodes of other recipes: what they become, what is said of mistakes, and that nothing runs twice.

outer.yaml        parts/inner.yaml
two ──▶ three     one ─┐
        │  ▲           ├▶ sum ──▶ top     ports: sum, top
        ▼  └───── params.plus, params.other
        a file
"""

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from sdflow.composing import compose_file
from sdflow.composition import Composition
from sdflow.graph.build import Graph, build
from sdflow.nodes.builtin import default_registry
from sdflow.problems import Problem, UserError
from sdflow.recipe import Changes, examine, resolved_for_cell, to_yaml
from sdflow.recipe.compose import compose
from sdflow.recipe.model import Param, WireType
from tests.cli.conftest import REGISTRY

INNER = """\
sdflow: 1
params:
  plus: {type: int, default: 10, min: 0, max: 99}
  other: {type: image, default: $stand-in}
  value: 1
nodes:
  stand-in: {type: measure, path: here.png}
  one: {type: make, value: $params.value}
  sum: {type: add, of: [$one, $params.other]}
  top: {type: add, of: [$sum.double], plus: $params.plus}
  unused: {type: measure, path: nowhere.png}
outputs:
  "{name}-{params.value}.png": $sum
  "top.png": $top
  "double.png": $top.double
"""

OUTER = """\
sdflow: 1
name: outer
params: {most: 7}
nodes:
  two: {type: make, value: 2}
  three:
    type: recipe
    path: parts/inner.yaml
    params: {plus: $params.most, other: $two}
  last: {type: add, of: [$three, $three.top-double]}
outputs:
  "{name}-{cell}.png": $last
  "top-{cell}.png": $three.top
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "inner.yaml").write_text(INNER)
    (tmp_path / "outer.yaml").write_text(OUTER)
    return tmp_path


def composed(folder: Path, name: str = "outer.yaml", **changes: Any) -> Composition:
    return compose_file(folder / name, Changes(**changes), REGISTRY)


def drawn(composition: Composition) -> dict[str, list[str]]:
    """Each node of the first cell with what feeds it."""
    graph = build(composition, REGISTRY)
    called = {number: name for (_, name), number in graph.names.items()}
    return {
        name: [f"{called[wire.node]}.{wire.port}" for _, wire in graph.nodes[number].inputs]
        for (_, name), number in graph.names.items()
    }


def test_the_nodes_of_the_recipe_take_the_place_of_the_node(folder: Path) -> None:
    composition = composed(folder)
    assert drawn(composition) == {
        "two": [],
        "three/one": [],
        "three/sum": ["three/one.image", "two.image"],
        "three/top": ["three/sum.double"],
        "last": ["three/sum.image", "three/top.double"],
    }
    (cell,) = composition.cells
    assert [spec.fields.get("plus") for spec in cell.nodes if spec.name == "three/top"] == [7]
    assert [used.name for used in composition.uses] == ["parts/inner.yaml"]


def test_a_recipe_with_an_output_as_a_param_runs_by_itself_with_the_default(folder: Path) -> None:
    graph = drawn(composed(folder, "parts/inner.yaml"))
    assert graph["sum"] == ["one.image", "stand-in.image"]


def keys(graph: Graph) -> set[str]:
    return {repr((type(item.node).__name__, item.node.key_fields())) for item in graph.nodes}


def test_wrapping_adds_nothing_to_the_graph(folder: Path) -> None:
    """A recipe that hands everything on has the nodes of the recipe that it hands on, and no others."""
    write(
        folder,
        "parts/here.yaml",
        nodes={"it": {"type": "recipe", "path": "inner.yaml"}},
        outputs={"x.png": "$it"},
    )
    write(
        folder,
        "wrapped.yaml",
        nodes={"it": {"type": "recipe", "path": "parts/here.yaml"}},
        outputs={"x.png": "$it"},
    )
    twice = {
        "a": {"type": "recipe", "path": "parts/inner.yaml"},
        "b": {"type": "recipe", "path": "parts/here.yaml"},
    }
    write(folder, "twice.yaml", nodes=twice, outputs={"a.png": "$a", "b.png": "$b"})
    wrapped, both = (build(composed(folder, name), REGISTRY) for name in ("wrapped.yaml", "twice.yaml"))
    assert {name for _, name in wrapped.names} == {"it/it/stand-in", "it/it/one", "it/it/sum"}
    assert len(both.nodes) == len(build(composed(folder, "parts/inner.yaml"), REGISTRY).nodes) - 1  # `unused`
    assert keys(wrapped) <= keys(both)


def write(folder: Path, name: str, **sections: Any) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"sdflow": 1, **sections}, sort_keys=False))


def test_paths_start_from_the_recipe_that_says_them(folder: Path) -> None:
    inner = {
        "params": {"own": "own.png", "given": "other.png"},
        "nodes": {
            "own": {"type": "measure", "path": "$params.own"},
            "given": {"type": "measure", "path": "$params.given"},
            "plain": {"type": "measure", "path": "../plain.png"},
            "model": {
                "type": "load-model",
                "source": "./sd",
                "vae": {"source": "owner/name"},
                "unet": "../unet",
            },
            "sum": {"type": "add", "of": ["$own", "$given", "$plain"]},
        },
        "outputs": {"x.png": "$sum", "y.png": "$model"},
    }
    write(folder, "a/b/inner.yaml", **inner)
    write(folder, "a/middle.yaml", nodes={"in": {"type": "recipe", "path": "b/inner.yaml"}}, outputs=MIDDLE)
    near = {"type": "recipe", "path": "a/b/inner.yaml", "params": {"given": "given.png"}}
    outer = {"it": {"type": "recipe", "path": "a/middle.yaml"}, "near": near}
    write(
        folder, "outer.yaml", nodes=outer, outputs={"x.png": "$it", "y.png": "$near", "z.png": "$it.in-model"}
    )
    (cell,) = composed(folder).cells
    said = {spec.name: spec.fields for spec in cell.nodes}
    assert said["it/in/own"]["path"] == "a/b/own.png"
    assert said["it/in/plain"]["path"] == "a/plain.png"
    assert said["near/given"]["path"] == "given.png"
    assert said["it/in/model"] == {"source": "./a/b/sd", "vae": {"source": "owner/name"}, "unet": "./a/unet"}


MIDDLE = {"x.png": "$in.sum", "y.png": "$in.model"}


def test_a_matrix_of_the_outer_recipe_reaches_inside_and_what_it_does_not_reach_is_one_node(
    folder: Path,
) -> None:
    composition = composed(folder, axes=("most=1,2,3",))
    graph = build(composition, REGISTRY)
    assert len(graph.named("three/top")) == 3
    assert len(graph.named("three/sum")) == 1
    assert len(graph.named("three")) == 5, "the name of the recipe's node is that of all nodes of it"


def test_what_a_picture_carries_needs_no_other_file_and_gives_the_same(folder: Path, tmp_path: Path) -> None:
    composition = composed(folder)
    text = to_yaml(resolved_for_cell(composition.alone, composition.cells[0]))
    again = compose(examine(text.encode(), "again.yaml", base=tmp_path / "elsewhere"))
    assert "recipe" not in {spec.type for spec in again.cells[0].nodes}
    assert drawn(again) == drawn(composition)
    assert composition.resolved["nodes"] != composition.alone["nodes"]
    changed = compose(examine(text.encode(), "again.yaml"), Changes(params=("most=8",)))
    assert next(it for it in changed.cells[0].nodes if it.name == "three/top").fields["plus"] == 8


def test_a_matrix_inside_is_fixed_by_values_for_all_that_it_varies(folder: Path) -> None:
    path = folder / "parts" / "inner.yaml"
    path.write_text(INNER + "matrix: {value: [1, 2], include: [{plus: 3}]}\n")
    (problem,) = problems(folder)
    assert (problem.code, "value" in problem.message) == ("SDF783", True)
    (folder / "outer.yaml").write_text(OUTER.replace("{plus: $params.most", "{value: 5, plus: $params.most"))
    assert len(composed(folder).cells) == 1


def problems(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        build(composed(folder), REGISTRY)
    return caught.value.problems


MISTAKES = {
    "no file": ("parts/inner.yaml", "parts/iner.yaml", "SDF780", "parts/inner.yaml"),
    "empty path": ("path: parts/inner.yaml", 'path: ""', "SDF780", "empty"),
    "folder": ("path: parts/inner.yaml", "path: .", "SDF780", "is a folder"),
    "NUL in the path": ("path: parts/inner.yaml", 'path: "in\\0er.yaml"', "SDF780", "null byte"),
    "long path": ("path: parts/inner.yaml", f"path: {'a' * 300}.yaml", "SDF780", "too long"),
    "links in a circle": ("path: parts/inner.yaml", "path: circle.yaml", "SDF780", "circle.yaml"),
    "itself": ("parts/inner.yaml", "outer.yaml", "SDF781", "outer.yaml → outer.yaml"),
    "path of a param": ("path: parts/inner.yaml", "path: $params.most", "SDF782", ""),
    "no path": ("    path: parts/inner.yaml\n", "", "SDF203", ""),
    "other field": ("path: parts", "value: 3\n    path: parts", "SDF202", "params"),
    "params are no mapping": ("params: {plus: $params.most, other: $two}", "params: [1]", "SDF204", ""),
    "unknown param": ("plus: $params", "plis: $params", "SDF131", "plus"),
    "misfit": ("$params.most,", "1000,", "SDF133", "at most 99"),
    "misfit of a param": ("most: 7", "most: 700", "SDF133", "at most 99"),
    "an output for a value": ("$params.most,", "$two,", "SDF133", "type: image"),
    "a value for an output": ("other: $two", "other: 3", "SDF133", "$node"),
    "a param for an output": ("other: $two", "other: $params.most", "SDF133", "an image"),
    "another kind": ("other: $two", "other: $model", "SDF205", "an Image and got a Model"),
    "unknown port": ("$three.top-double", "$three.tops", "SDF207", "$three.top"),
    "inside": ("$three.top-double", "$three/one", "SDF784", "output"),
    "inside, in an output": ('png": $three.top', 'png": $three/top', "SDF784", "output"),
    "a param that is not there": ("$params.most,", "$params.mast,", "SDF131", "most"),
    "twice": ("  two: {type: make, value: 2}", "  two: {type: make}\n  three/sum: {type: make}", "SDF785", ""),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_outer_recipe_is_one_problem_at_its_place(folder: Path, mistake: str) -> None:
    before, after, code, said = MISTAKES[mistake]
    text = OUTER.replace("  two:", '  model: {type: load-model, source: "builtin:tiny"}\n  two:')
    assert before in text
    (folder / "outer.yaml").write_text(text.replace(before, after, 1))
    (folder / "circle.yaml").symlink_to("circle.yaml")
    found = problems(folder)
    assert [it.code for it in found] == [code]
    assert said in f"{found[0].message} {found[0].hint}"
    assert found[0].position is not None
    assert found[0].position.file.endswith("outer.yaml")


@pytest.mark.parametrize(
    ("before", "after", "code"), [("inner", "iner", "SDF780"), ("plus: $p", "plis: $p", "SDF131")]
)
def test_what_is_given_on_by_a_recipe_that_cannot_be_used_is_no_second_mistake(
    folder: Path, before: str, after: str, code: str
) -> None:
    text = OUTER.replace(before, after, 1)
    four = "  four: {type: recipe, path: parts/inner.yaml, params: {other: $three}}\noutputs:\n"
    (folder / "outer.yaml").write_text(text.replace("outputs:\n", f'{four}  "four.png": $four\n'))
    assert [it.code for it in problems(folder)] == [code]


INSIDE = {
    "field": ("value: $params.value}", "valu: 1}", "SDF202"),
    "reference": ("$sum.double", "$som.double", "SDF206"),
    "output": ('"top.png": $top', '"top.png": $tip', "SDF206"),
    "form": ("  value: 1\n", "  value: null\n", "SDF132"),
    "yaml": ("nodes:\n", "nodes:\n  a: [\n", "SDF105"),
    "param": ("$params.value}", "$params.valu}", "SDF131"),
    "version": ("sdflow: 1", "sdflow: 7", "SDF116"),
}


@pytest.mark.parametrize("mistake", INSIDE)
def test_a_mistake_inside_names_both_files(folder: Path, mistake: str) -> None:
    before, after, code = INSIDE[mistake]
    assert before in INNER
    (folder / "parts" / "inner.yaml").write_text(INNER.replace(before, after, 1))
    found = problems(folder)
    assert {problem.code for problem in found} == {code}
    position = found[0].position
    assert position is not None
    assert position.file.endswith("parts/inner.yaml")
    assert position.via is not None
    assert str(position.via).startswith("used by node three in ")
    assert str(position.via).endswith("outer.yaml:8")


def test_a_param_without_a_value_is_asked_for_where_the_recipe_is_used(folder: Path) -> None:
    (folder / "parts" / "inner.yaml").write_text(
        INNER.replace("default: 10, ", "").replace(", default: $stand-in", "")
    )
    (folder / "outer.yaml").write_text(
        OUTER.replace("params: {plus: $params.most, other: $two}", "params: {}")
    )
    assert [problem.code for problem in problems(folder)] == ["SDF134", "SDF134"]
    with pytest.raises(UserError) as alone:
        composed(folder, "parts/inner.yaml")
    assert {problem.code for problem in alone.value.problems} == {"SDF134"}


def test_a_link_to_a_recipe_has_the_folder_that_it_lies_in(folder: Path) -> None:
    (folder / "far").mkdir()
    (folder / "far" / "linked.yaml").symlink_to(folder / "parts" / "inner.yaml")
    (folder / "outer.yaml").write_text(
        OUTER.replace("parts/inner", "far/linked").replace(", other: $two", "")
    )
    (cell,) = composed(folder).cells
    assert next(spec.fields for spec in cell.nodes if spec.name == "three/stand-in") == {
        "path": "far/here.png"
    }


def test_no_nesting_is_too_deep_for_words(folder: Path) -> None:
    write(folder, "0.yaml", nodes={"a": {"type": "make"}}, outputs={"x.png": "$a"})
    for depth in range(1, 200):
        inner = {"type": "recipe", "path": f"{depth - 1}.yaml"}
        write(folder, f"{depth}.yaml", nodes={"a": inner}, outputs={"x.png": "$a"})
    with pytest.raises(UserError) as caught:
        composed(folder, "199.yaml")
    assert [problem.code for problem in caught.value.problems] == ["SDF786"]
    assert len(composed(folder, "30.yaml").cells[0].nodes) == 1


def test_a_param_can_stand_for_any_output_that_there_is() -> None:
    given = {kind for node_type in default_registry() for kind in node_type.outputs.values()}
    assert {Param(type=word).kind for word in get_args(WireType)} == given


def test_an_output_is_no_part_of_a_file_name(folder: Path) -> None:
    (folder / "parts" / "inner.yaml").write_text(INNER.replace("{params.value}", "{params.other}"))
    with pytest.raises(UserError) as caught:
        composed(folder, "parts/inner.yaml")
    assert [problem.code for problem in caught.value.problems] == ["SDF151"]


def test_outputs_are_handed_on_through_several_recipes(folder: Path) -> None:
    middle = {"type": "recipe", "path": "parts/inner.yaml", "params": {"other": "$params.image"}}
    params = {"image": {"type": "image", "default": "$own"}}
    nodes = {"own": {"type": "make", "value": 5}, "in": middle}
    write(folder, "middle.yaml", params=params, nodes=nodes, outputs={"x.png": "$in"})
    assert drawn(composed(folder, "middle.yaml"))["in/sum"] == ["in/one.image", "own.image"]
    outer = {
        "mine": {"type": "make", "value": 9},
        "m": {"type": "recipe", "path": "middle.yaml", "params": {"image": "$mine"}},
    }
    write(folder, "outer.yaml", nodes=outer, outputs={"x.png": "$m"})
    assert drawn(composed(folder)) == {
        "mine": [],
        "m/in/one": [],
        "m/in/sum": ["m/in/one.image", "mine.image"],
    }


def test_circles_of_files_are_told_with_all_of_them(folder: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        write(
            folder,
            f"{name}.yaml",
            nodes={"it": {"type": "recipe", "path": f"{other}.yaml"}},
            outputs={"x.png": "$it"},
        )
    with pytest.raises(UserError) as caught:
        composed(folder, "a.yaml")
    (problem,) = caught.value.problems
    assert problem.code == "SDF781"
    assert "a.yaml → b.yaml → c.yaml → a.yaml" in problem.message
    assert problem.position is not None
    assert str(problem.position.via).count("used by node it in ") == 2


def test_recipes_that_double_each_other_without_end_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdflow.recipe.expand.MAX_NODES", 1000)
    write(folder, "0.yaml", nodes={"a": {"type": "make"}}, outputs={"x.png": "$a"})
    for depth in range(1, 12):
        inner = {"type": "recipe", "path": f"{depth - 1}.yaml"}
        nodes = {"a": inner, "b": inner, "c": {"type": "add", "of": ["$a", "$b"]}}
        write(folder, f"{depth}.yaml", nodes=nodes, outputs={"x.png": "$c"})
    with pytest.raises(UserError) as caught:
        composed(folder, "11.yaml")
    assert caught.value.problems[-1].code == "SDF786"
