"""From recipes and what callers change to compositions."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings

from sdflow.composition import Composition, Ref
from sdflow.problems import UserError
from sdflow.recipe import (
    Changes,
    RecipeFile,
    compose,
    draft,
    parse_recipe,
    read_recipe,
    resolved_for_cell,
    to_json,
    to_yaml,
)
from sdflow.recipe.references import escaped
from tests.recipe.strategies import recipes

RECIPE = """\
sdflow: 1
name: astronaut
params:
  prompt: an astronaut
  seed: 42
  steps: {type: int, default: 25, min: 1, max: 100}
  guidance: 7.5
  loud: false
  style: {choices: [photo, oil paint, 3], default: photo}
  sizes: [512, 768]
  note: {type: string, default: null}
  noise: {type: seed, default: random}
nodes:
  model: {type: load-model, source: builtin:toy}
  text: {type: encode-prompt, model: $model, prompt: $params.prompt, negative: $$5 bill}
  sample:
    type: denoise
    conditioning: [$text, {first: $text.pooled, seed: $params.seed}]
    steps: $params.steps
    rest: [$params.guidance, $params.loud, $params.style, $params.sizes, $params.note, $params.noise]
outputs:
  "{name}-{params.seed:04d}-{params.prompt}.png": $sample
matrix:
  seed: [1, 2, 3]
"""


def recipe(text: str = RECIPE) -> RecipeFile:
    return parse_recipe(text.encode(), "astronaut.yaml")


def codes(*changes: str, option: str = "params", text: str = RECIPE) -> list[str]:
    found = draft(recipe(text), Changes(**{option: changes}))  # type: ignore[arg-type]  # option names a tuple of texts
    return [problem.code for problem in found.problems]


def params(*given: str) -> dict[str, Any]:
    return dict(compose(recipe(), Changes(params=given)).cells[0].params)


def test_references_and_params_are_filled_in_and_texts_are_left_alone() -> None:
    cell = compose(recipe()).cells[1]
    text, sample = cell.nodes[1], cell.nodes[2]
    assert text.fields == {"model": Ref("model"), "prompt": "an astronaut", "negative": "$5 bill"}
    assert sample.fields["conditioning"] == [Ref("text"), {"first": Ref("text", "pooled"), "seed": 2}]
    assert sample.fields["rest"] == [7.5, False, "photo", [512, 768], None, "random"]
    assert (sample.type, "type" in sample.fields) == ("denoise", False)


def test_a_dollar_inside_a_text_means_nothing() -> None:
    text = RECIPE.replace("an astronaut", "costs 5$, $params.seed and $model")
    assert compose(recipe(text)).cells[0].params["prompt"] == "costs 5$, $params.seed and $model"


def test_cells_are_named_and_write_their_own_files() -> None:
    cells = compose(recipe()).cells
    assert [cell.label for cell in cells] == ["seed=1", "seed=2", "seed=3"]
    assert [cell.outputs[0].path for cell in cells] == [
        f"astronaut-000{n}-an astronaut.png" for n in (1, 2, 3)
    ]


def test_a_recipe_without_a_matrix_is_one_cell_without_a_label() -> None:
    (cell,) = compose(recipe(RECIPE.split("matrix:", maxsplit=1)[0])).cells
    assert (cell.label, cell.params["seed"]) == ("", 42)


def test_cells_share_the_nodes_that_are_equal() -> None:
    one, two, three = (cell.nodes for cell in compose(recipe()).cells)
    assert one[0] is two[0] is three[0]
    assert one[1] is two[1]
    assert one[2] is not two[2]
    crossed = compose(recipe(), Changes(axes=("prompt=a,b",))).cells
    texts = {id(cell.nodes[1]) for cell in crossed}
    assert (len(crossed), len(texts)) == (6, 2)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("prompt=no", "no"),
        ("prompt=12", "12"),
        ("prompt=", ""),
        ("prompt=$a: [b] # c = d", "$a: [b] # c = d"),
        ("steps=0x10", 16),
        ("guidance=7", 7.0),
        ("guidance=1e-4", 1e-4),
        ("loud=true", True),
        ("style=oil paint", "oil paint"),
        ("style=3", 3),
        ("sizes=[1, 2]", [1, 2]),
        ("note=null", "null"),
        ("noise=random", "random"),
        ("noise=[1, 2]", [1, 2]),
        ("noise=9223372036854775807", 2**63 - 1),
    ],
)
def test_options_are_read_by_the_type_of_their_param(given: str, value: object) -> None:
    found = params(given)[given.split("=", maxsplit=1)[0]]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "given",
    [
        *("steps=7.5", "steps=0", "steps=101", "steps=x", "steps=null", "steps=[1]", "steps=", "steps=1e999"),
        *("loud=yes", "loud=1", "style=photos", "sizes=3", "sizes=[1, x]", "sizes=[1", "sizes=[!t 1]"),
        *("noise=-1", "noise=randon", "noise=9223372036854775808", "seed=random", "guidance=.nan"),
        "prompt=\udcff",
    ],
)
def test_options_that_do_not_fit_their_param(given: str) -> None:
    assert codes(given) == ["SDF133"]


def test_options_that_mean_nothing() -> None:
    assert codes("stps=3", "seed", "=3") == ["SDF136", "SDF136", "SDF131"]
    assert codes("nodes.sample", "sample.steps=3", "nodes.sample=3", "nodes..a=3", option="fields") == [
        "SDF136",
        *["SDF136"] * 3,
    ]
    assert codes(
        "nodes.sampel.steps=3", "nodes.sample.conditioning.9=1", "nodes.sample.a.b=1", option="fields"
    ) == [*["SDF137"] * 3]
    assert codes("sed=1,2", "steps=1,x", "steps=", "steps=1,1", option="axes") == [
        "SDF131",
        "SDF133",
        "SDF141",
        "SDF141",
    ]


def test_a_param_that_nothing_uses_is_not_taken_in_silence() -> None:
    text = RECIPE.replace("$params.steps", "5")
    assert codes("steps=9", text=text) == ["SDF135"]
    assert codes(text=text) == []


def test_every_value_of_an_axis_that_does_not_fit_is_told() -> None:
    for axis in ("steps=x,2,y,x", "steps=[x, 2, y, x]"):
        told = [problem.message for problem in draft(recipe(), Changes(axes=(axis,))).problems]
        assert len(told) == 2, told
        assert "`x`" in told[0]
        assert "`y`" in told[1]


def test_problems_of_options_point_into_the_command_line() -> None:
    drafted = draft(recipe(), Changes(params=("seed=1", "steps=x"), axes=("sed=1",)))
    first, second = drafted.problems
    assert first.position is not None
    assert second.position is not None
    lines = drafted.sources["command line"].splitlines()
    assert lines[first.position.line - 1][first.position.column - 1 :] == "x"
    assert lines[second.position.line - 1][second.position.column - 1 :] == "sed=1"


def test_an_option_fixes_its_axis() -> None:
    composition = compose(recipe(), Changes(params=("seed=7",)))
    assert [cell.params["seed"] for cell in composition.cells] == [7]
    assert [cell.label for cell in composition.cells] == ["seed=7"]


def test_an_axis_of_the_command_line_replaces_or_adds() -> None:
    composition = compose(recipe(), Changes(axes=("seed=5,6", 'prompt=["a, b", c]')))
    found = [(cell.params["seed"], cell.params["prompt"]) for cell in composition.cells]
    assert found == [(5, "a, b"), (5, "c"), (6, "a, b"), (6, "c")]
    both = draft(recipe(), Changes(params=("seed=1",), axes=("seed=1,2",)))
    assert [problem.code for problem in both.problems] == ["SDF141"]


def test_values_come_from_files_and_python_and_options_in_this_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("steps: 1\nguidance: 1\nprompt: $$1\nseed: 9\n")
    second.write_text("guidance: 2\nprompt: two\n")
    changes = Changes(values_files=(first, second), values={"prompt": "three"}, params=("loud=true",))
    drafted = draft(recipe(), changes)
    assert drafted.problems == ()
    (cell,) = drafted.composition.cells
    assert [cell.params[name] for name in ("steps", "guidance", "prompt", "seed", "loud")] == [
        1,
        2.0,
        "three",
        9,
        True,
    ]
    shown = {name: str(origin) for name, origin in drafted.params.items()}
    assert shown["steps"] == f"values file {first}:1"
    assert shown["guidance"] == f"values file {second}:1"
    assert (shown["prompt"], shown["loud"], shown["sizes"]) == ("caller", "-p", "default")


def test_mistakes_of_values_files_have_places(tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text("stps: 1\nsteps: 0\nprompt: $model\nnoise: ${}\nseed: 1\nseed: 2\n")
    problems = draft(recipe(), Changes(values_files=(path, tmp_path / "gone.yaml"))).problems
    found = [(p.code, p.position and (p.position.line, p.position.column)) for p in problems]
    assert sorted(found[:-1]) == [
        ("SDF108", (6, 1)),
        ("SDF130", (3, 9)),
        ("SDF130", (4, 8)),
        ("SDF131", (1, 1)),
        ("SDF133", (2, 8)),
    ]
    assert found[-1] == ("SDF100", None)


def test_where_the_values_of_a_cell_came_from() -> None:
    drafted = draft(
        recipe(), Changes(axes=("steps=1,2",), params=("prompt=x",), fields=("nodes.sample.new=1",))
    )
    kinds = {name: origin.kind for name, origin in drafted.cells[0].items()}
    assert (kinds["seed"], kinds["steps"], kinds["prompt"], kinds["style"]) == (
        "matrix",
        "--matrix",
        "-p",
        "default",
    )
    assert [(name, origin.kind) for name, origin in drafted.fields.items()] == [("nodes.sample.new", "-s")]


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("nodes.sample.steps=30", "steps", 30),
        ("nodes.sample.steps=$params.seed", "steps", 1),
        ("nodes.sample.rest.1=no", "rest", [7.5, "no", "photo", [512, 768], None, "random"]),
        ("nodes.sample.conditioning.1.seed=[1, $model]", "conditioning", None),
        ("nodes.sample.new=cat: a portrait", "new", "cat: a portrait"),
        ('nodes.sample.new="12"', "new", "12"),
        ("nodes.sample.new=$$a", "new", "$a"),
        ("nodes.sample.new=", "new", None),
    ],
)
def test_fields_are_set_on_what_is_written(given: str, name: str, value: object) -> None:
    fields = compose(recipe(), Changes(fields=(given,))).cells[0].nodes[2].fields
    if name == "conditioning":
        value = [Ref("text"), {"first": Ref("text", "pooled"), "seed": [1, Ref("model")]}]
    assert fields[name] == value
    assert compose(recipe()).cells[0].nodes[2].fields["steps"] == 25


def test_a_field_that_was_set_stands_in_the_command_line() -> None:
    changes = Changes(params=("steps=3",), fields=("nodes.sample.more.x=1", "nodes.sample.rest.1=no"))
    assert [p.code for p in draft(recipe(), changes).problems] == ["SDF137"]
    node = compose(recipe(), Changes(fields=("nodes.sample.rest.1=no",))).cells[0].nodes[2]
    at = node.marks.at(["rest", 1])
    assert at is not None
    assert (at.file, at.line, at.column, at.length) == ("command line", 1, 24, 2)
    written = node.marks.at(["rest", 0])
    assert written is not None
    assert (written.file, written.line) == ("astronaut.yaml", 20)


def test_a_params_value_stands_where_its_reference_does() -> None:
    node = compose(recipe()).cells[0].nodes[2]
    at = node.marks.at(["steps"])
    assert at is not None
    assert (at.line, at.column, at.length) == (19, 12, len("$params.steps"))


def test_the_name_and_the_identity_of_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "my-cat.yaml"
    path.parent.mkdir()
    path.write_text("sdflow: 1\nnodes: {a: {type: x}}\noutputs: {'{name}.png': $a}\n")
    composition = compose(read_recipe(path))
    assert (composition.name, composition.file, composition.base) == ("my-cat", str(path), path.parent)
    assert composition.identity == str(path.resolve())
    assert composition.cells[0].outputs[0].path == "my-cat.png"


def test_what_follows_from_a_problem_is_no_problem_of_its_own() -> None:
    text = RECIPE.replace("default: 25", "default: 0")
    drafted = draft(parse_leniently(text))
    assert [problem.code for problem in drafted.problems] == ["SDF133"]
    steps = drafted.composition.cells[0].nodes[2].marks.at(["steps"])
    other = drafted.composition.cells[0].nodes[1].marks.at(["prompt"])
    later = [problem_at("SDF204", steps), problem_at("SDF204", other)]
    assert drafted.new(later) == later[1:]


def parse_leniently(text: str) -> RecipeFile:
    from sdflow.recipe import examine

    return examine(text.encode(), "astronaut.yaml")


def problem_at(code: str, position: Any) -> Any:
    from sdflow.problems import Problem

    return Problem(code, "wrong", position)


def same(left: Composition, right: Composition) -> bool:
    """Equal in all but places, identity and sharing."""
    return [plain(cell) for cell in left.cells] == [plain(cell) for cell in right.cells] and (
        to_json(dict(left.resolved)),
        left.name,
    ) == (to_json(dict(right.resolved)), right.name)


def plain(cell: Any) -> Any:
    nodes = [(node.name, node.type, repr(node.fields)) for node in cell.nodes]
    return cell.label, repr(cell.params), nodes, [(output.path, output.ref) for output in cell.outputs]


def again(composition: Composition, text: str) -> Composition:
    return compose(parse_recipe(text.encode(), "astronaut.yaml"))


@pytest.mark.parametrize(
    "changes",
    [
        Changes(),
        Changes(params=("seed=7", "prompt=$x: y", "note=a", "noise=[3]")),
        Changes(axes=("prompt=a,$b", "seed=1,2"), fields=("nodes.sample.rest.0=$$x", "nodes.text.prompt=no")),
        Changes(values={"guidance": 3, "sizes": []}),
    ],
)
def test_the_resolved_recipe_gives_the_same_composition(changes: Changes) -> None:
    composition = compose(recipe(), changes)
    resolved = dict(composition.resolved)
    assert same(composition, again(composition, to_yaml(resolved)))
    assert same(composition, again(composition, to_json(resolved)))


def test_the_recipe_of_one_cell_makes_that_cell() -> None:
    composition = compose(recipe(), Changes(axes=("prompt=$a,b",)))
    for cell in composition.cells:
        (alone,) = again(composition, to_yaml(resolved_for_cell(composition.resolved, cell))).cells
        assert alone.params == cell.params
        assert [(n.name, n.fields) for n in alone.nodes] == [(n.name, n.fields) for n in cell.nodes]
        assert [o.path for o in alone.outputs] == [o.path for o in cell.outputs]


@settings(deadline=None)
@given(recipes())
@example(
    {
        "params": {"A": [2**53 + 1, 0.0]},
        "nodes": {"A": {"type": "any"}},
        "outputs": {"a.png": "A"},
        "matrix": {},
    }
)
def test_resolving_any_recipe_keeps_it(parts: dict[str, Any]) -> None:
    written: dict[str, Any] = {
        "sdflow": 1,
        "params": escaped(parts["params"]),
        "nodes": escaped(parts["nodes"]),
        "outputs": {path: f"${name}" for path, name in parts["outputs"].items()},
        "matrix": escaped(parts["matrix"]),
    }
    composition = compose(parse_recipe(to_yaml(written).encode(), "any.yaml"))
    assert dict(composition.cells[0].params) == parts["params"]
    for node in composition.cells[0].nodes:
        wanted = {key: value for key, value in parts["nodes"][node.name].items() if key != "type"}
        assert repr(node.fields) == repr(wanted)
    assert same(composition, again(composition, to_yaml(dict(composition.resolved))))


def test_compose_raises_all_problems_together() -> None:
    with pytest.raises(UserError) as caught:
        compose(recipe(), Changes(params=("stps=1",), fields=("nodes.x.y=1",)))
    assert [problem.code for problem in caught.value.problems] == ["SDF131", "SDF137"]


@pytest.mark.parametrize(
    "changes",
    [
        Changes(values={"prompt": "a \ud83d cat"}),
        Changes(values={"sizes": [1, "\udc80"]}),
        Changes(values={"style": "\ud800"}),
        Changes(params=("prompt=\udc80",)),
        Changes(fields=("nodes.sample.rest=[a, \udc80]",)),
        Changes(axes=("prompt=[a, \udc80]",)),
    ],
)
def test_half_of_a_surrogate_pair_is_refused_wherever_it_comes_from(changes: Changes) -> None:
    assert {problem.code for problem in draft(recipe(), changes).problems} == {"SDF133"}


def test_a_whole_surrogate_pair_is_one_character() -> None:
    made = compose(recipe(), Changes(values={"prompt": "a \U0001f408"}))
    assert made.cells[0].params["prompt"] == "a \U0001f408"
