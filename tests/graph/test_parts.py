"""Parts of nodes: mappings with inputs of their own, in wiring, keys, arguments, mistakes and what editors see."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import Field

from sdflow.cli.drawing import drawing_of
from sdflow.cli.node_facts import facts_of
from sdflow.cli.recipe_schema import recipe_schema
from sdflow.composing import compose_file
from sdflow.graph.build import Graph, build
from sdflow.graph.facts import Facts
from sdflow.graph.field_kinds import part_fields
from sdflow.graph.fields import ImageFile
from sdflow.graph.infer import infer
from sdflow.graph.keys import Keyed, make_keys
from sdflow.graph.node import Cost, Node, Refusal, RunContext
from sdflow.graph.part import Given, Part
from sdflow.graph.plan import Choices, Plan, plan
from sdflow.graph.registry import Registry
from sdflow.graph.wire import Input
from sdflow.problems import UserError
from sdflow.recipe import Changes
from sdflow.values import Image, ImageSpec
from sdflow.wishes import Wishes
from sdflow.workflow import Session, Settings
from tests.graph.arithmetic import Add, Make, NoFacts, pixel
from tests.graph.test_plan import Remembered, said


class Layer(Part):
    """A picture that is laid on."""

    image: Input[Image]
    """What to lay on."""
    times: float = Field(1.0, ge=0, le=10)
    """How often."""
    from_: float = 0.0
    less: Input[Image] | None = None
    """What to take away."""
    more: tuple[Input[Image], ...] = ()


class Mix(Node, type="mix", version=1):
    """The sum of layers."""

    outputs = {"image": "Image"}

    base: Input[Image]
    layers: tuple[Layer, ...] = ()
    """What to add."""
    last: Layer | None = None
    plus: int = 0

    def infer(
        self,
        facts: Facts,
        base: ImageSpec,
        layers: tuple[Given[Layer], ...],
        last: Given[Layer] | None,
    ) -> Mapping[str, ImageSpec]:
        for place, layer in enumerate(layers):
            layer.input("image", ImageSpec)
            if layer.part.from_ > 1:
                raise Refusal("too late", field=("layers", place, "from_"))
        return {"image": base}

    def cost(self, layers: tuple[Given[Layer], ...], **_: object) -> Cost:
        return Cost(len(layers))

    def run(
        self, ctx: RunContext, base: Image, layers: tuple[Given[Layer], ...], last: Given[Layer] | None
    ) -> Image:
        total = float(base.pixels.flat[0])
        for layer in (*layers, *([last] if last else [])):
            less = layer.optional("less", Image)
            total += layer.part.times * float(layer.input("image", Image).pixels.flat[0])
            total += sum(float(image.pixels.flat[0]) for image in layer.several("more", Image))
            total -= 0.0 if less is None else float(less.pixels.flat[0])
        return pixel(total + self.plus)


REGISTRY = Registry((Make, Add, Mix))

RECIPE = """\
sdflow: 1
name: mixed
nodes:
  one: {type: make, value: 1}
  two: {type: make, value: 2}
  ten: {type: make, value: 10}
  mix:
    type: mix
    base: $one
    layers:
      - {image: $two, times: 3}
      - image: $ten
        less: $two
        more: [$one, $two]
    last: {image: $ten}
outputs:
  mix.png: $mix
"""
"""1 + 3 · 2 + (10 - 2 + 1 + 2) + 10 = 28"""


def graph_of(folder: Path, text: str = RECIPE) -> Graph:
    path = folder / "mixed.yaml"
    path.write_text(text)
    return build(compose_file(path, Changes(), REGISTRY), REGISTRY)


def keyed(graph: Graph) -> Keyed:
    facts = NoFacts()
    return make_keys(graph, facts, infer(graph, facts))[graph.names["", "mix"]]


def planned(graph: Graph, memory: Remembered) -> Plan:
    facts = NoFacts()
    return plan(graph, facts, infer(graph, facts), memory, Choices())


def changed(old: str, new: str) -> str:
    assert old in RECIPE
    return RECIPE.replace(old, new)


def test_inputs_of_parts_are_wires_with_the_path_to_them(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    mix = graph.nodes[graph.names["", "mix"]]
    names = {number: name for (_, name), number in graph.names.items()}
    assert [(path, names[wire.node]) for path, wire in mix.inputs] == [
        (("base",), "one"),
        (("layers", 0, "image"), "two"),
        (("layers", 1, "image"), "ten"),
        (("layers", 1, "less"), "two"),
        (("layers", 1, "more", 0), "one"),
        (("layers", 1, "more", 1), "two"),
        (("last", "image"), "ten"),
    ]
    drawing = drawing_of(graph)
    place = next(number for number, box in enumerate(drawing.boxes) if box.title == "mix")
    assert {drawing.boxes[edge.source].title for edge in drawing.sources(place)} == {"one", "two", "ten"}


def test_a_run_is_given_the_values_in_place_of_the_wires(tmp_path: Path) -> None:
    (tmp_path / "mixed.yaml").write_text(RECIPE)
    session = Session(Settings(device="cpu", cache=tmp_path / "cache"), registry=REGISTRY)
    composition = compose_file(tmp_path / "mixed.yaml", Changes(), REGISTRY)
    result = session.run(composition, Wishes(), out=tmp_path)
    made = result.prepared.plan
    number = made.graph.names["", "mix"]
    value = session.results.value(made.keys[number].key, "image")
    assert isinstance(value, Image)
    assert value.pixels.flat[0] == 28
    assert made.nodes[number].cost.work == 2


def test_the_key_holds_the_plain_side_of_parts_and_what_feeds_them(tmp_path: Path) -> None:
    preimage = keyed(graph_of(tmp_path)).preimage
    assert preimage["fields"] == {
        "plus": 0,
        "layers": [{"times": 3.0, "from": 0.0}, {"times": 1.0, "from": 0.0}],
        "last": {"times": 1.0, "from": 0.0},
    }
    assert isinstance(preimage["inputs"], dict)
    assert {"layers.0.image", "layers.1.less", "layers.1.more.0", "last.image"} < preimage["inputs"].keys()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("times: 3", "times: 2"),
        ("{image: $two, times: 3}", "{image: $ten, times: 3}"),
        ("less: $two", "less: $one"),
        ("        less: $two\n", ""),
        ("more: [$one, $two]", "more: [$two, $one]"),
        ("last: {image: $ten}", "last: {image: $two}"),
        ("    last: {image: $ten}\n", ""),
        ("value: 10", "value: 11"),
    ],
)
def test_whatever_changes_in_a_part_changes_the_key(tmp_path: Path, old: str, new: str) -> None:
    assert keyed(graph_of(tmp_path)).key != keyed(graph_of(tmp_path, changed(old, new))).key


def test_defaults_written_out_and_absent_parts_change_no_key(tmp_path: Path) -> None:
    same = changed("last: {image: $ten}", "last: {image: $ten, times: 1, from: -0.0, more: []}")
    assert keyed(graph_of(tmp_path)).key == keyed(graph_of(tmp_path, same)).key
    alone = RECIPE[: RECIPE.index("    layers")] + RECIPE[RECIPE.index("outputs") :]
    assert keyed(graph_of(tmp_path, alone)).preimage["fields"] == {"plus": 0}


def test_reasons_say_what_differs_within_a_part(tmp_path: Path) -> None:
    memory = Remembered()
    memory.ran(planned(graph_of(tmp_path), memory))
    made = planned(graph_of(tmp_path, changed("times: 3", "times: 2.5")), memory)
    assert said(made)["mix"] == "layers.0.times 3.0 → 2.5"
    fewer = changed("      - {image: $two, times: 3}\n", "")
    assert said(planned(graph_of(tmp_path, fewer), memory))["mix"].startswith(
        "layers a list of 2 → a list of 1, "
    )
    other = changed("less: $two", "less: $one")
    assert said(planned(graph_of(tmp_path, other), memory))["mix"] == "input one changed"


MISTAKES = [
    ("times: 3", "tims: 3", "11:23", "SDF202", "layers.0 has no field tims", "did you mean times?"),
    ("times: 3", "times: 30", "11:30", "SDF204", "layers.0.times: must be at most 10.0, not 30", None),
    ("{image: $two, times: 3}", "{times: 3}", "11:9", "SDF203", "layers.0 needs image", "What to lay on."),
    ("less: $two", "less: $tow", "13:15", "SDF206", "there is no node tow", "did you mean $two?"),
    (
        "less: $two",
        "less: two",
        "13:15",
        "SDF210",
        "layers.1.less needs a reference to an Image, not 'two'",
        None,
    ),
    ("{image: $two, times: 3}", "$two", "11:9", "SDF204", "layers.0 takes a mapping", None),
    ("last: {image: $ten}", "last: 5", "15:11", "SDF204", "last takes a mapping", None),
    ("times: 3", "from: 3", "11:29", "SDF211", "too late", None),
]


@pytest.mark.parametrize(("old", "new", "place", "code", "message", "hint"), MISTAKES)
def test_mistakes_are_told_at_their_place(
    tmp_path: Path, old: str, new: str, place: str, code: str, message: str, hint: str | None
) -> None:
    with pytest.raises(UserError) as caught:
        infer(graph_of(tmp_path, changed(old, new)), NoFacts())
    (problem,) = caught.value.problems
    assert problem.position is not None
    assert f"{problem.position.line}:{problem.position.column}" == place
    assert (problem.code, problem.message) == (code, message)
    assert hint is None or problem.hint == hint


def test_a_part_names_no_input_files() -> None:
    class Named(Part):
        path: ImageFile

    class Reader(Node, type="reader", version=1):
        parts: tuple[Named, ...] = ()

    with pytest.raises(TypeError, match="names no input files"):
        part_fields(Reader)


def test_the_table_of_fields_goes_into_parts() -> None:
    facts = facts_of(Mix)
    assert [(it.name, it.kind, it.required, it.within) for it in facts.inputs][:3] == [
        ("base", "Image", True, ""),
        ("layers.image", "Image", True, "layers"),
        ("layers.less", "Image", False, "layers"),
    ]
    fields = {it.name: it for it in facts.fields}
    assert fields["layers"].values == "list of: mapping"
    assert fields["layers.times"].values == "number, 0 to 10"
    assert (fields["layers.times"].default, fields["layers.times"].description) == (1.0, "How often.")


@pytest.mark.parametrize(
    ("layers", "where"),
    [
        ([{"image": "$two"}], None),
        ([{"image": "$two.image", "times": "$params.often", "more": ["$one"], "less": None}], None),
        ([{"times": 2}], "layers.0"),
        ([{"image": "two"}], "layers.0.image"),
        ([{"image": "$two", "more": "$one"}], "layers.0.more"),
        ([{"image": "$two", "times": 11}], "layers.0.times"),
        ([{"image": "$two", "tims": 1}], "layers.0"),
    ],
)
def test_editors_check_parts(layers: Any, where: str | None) -> None:
    schema = recipe_schema(REGISTRY)
    node = {"type": "mix", "base": "$one", "layers": layers}
    recipe = {"sdflow": 1, "nodes": {"mix": node}, "outputs": {"a.png": "$mix"}}
    errors = list(jsonschema.Draft7Validator(schema).iter_errors(recipe))
    places = {_deepest(error) for error in errors}
    assert places == (set() if where is None else {f"nodes.mix.{where}"})


def _deepest(error: jsonschema.ValidationError) -> str:
    """The place of the most telling of the alternatives."""
    param = {"type": "string", "pattern": r"^\$params\.[A-Za-z][A-Za-z0-9_-]{0,63}$"}
    inner = [it for it in error.context or () if it.schema != param]
    if inner:
        return _deepest(max(inner, key=lambda it: len(it.absolute_path)))
    return ".".join(map(str, error.absolute_path))
