"""What a picture says of its making, read off a plan."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sdflow.composing import compose_file
from sdflow.composition import Json
from sdflow.graph.facts import Facts
from sdflow.graph.fields import ImageFile, Seed
from sdflow.graph.node import Node
from sdflow.graph.registry import Registry
from sdflow.pictures.texts import RECORD
from sdflow.provenance.of_output import Origins
from sdflow.recipe import Changes
from sdflow.values import ImageSpec
from sdflow.workflow import Prepared, Session, Settings


class Lucky(Node, type="lucky", version=1):
    """A seed, and a file that may be left out."""

    outputs = {"image": "Image"}

    seed: Seed
    mask: ImageFile | None = None

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}


REGISTRY = Registry((Lucky,))
RECIPE = """\
sdflow: 1
name: luck
params: {first: 1}
nodes:
  a: {type: lucky, seed: SEED}
  same: {type: lucky, seed: 5}
  b: {type: lucky, seed: 5}
outputs:
  "a-{params.first}.png": $a
  "b-{params.first}.png": $b
"""


def prepared(folder: Path, text: str) -> Prepared:
    (folder / "luck.yaml").write_text(text)
    session = Session(Settings(device="cpu", cache=folder / "cache"), REGISTRY)
    return session.prepare(compose_file(folder / "luck.yaml", Changes(), REGISTRY))


def records(made: Prepared) -> dict[str, dict[str, Any]]:
    origins = Origins(made.composition, made.plan, {})
    texts = {output.path: origins.texts(output, index=0, environment={}) for output in made.plan.outputs}
    return {path: json.loads(text[RECORD]) for path, text in texts.items()}


def seeds(made: Prepared, name: str = "a") -> Json:
    graph = made.graph
    return graph.nodes[graph.named(name)[0]].node.key_fields()["seed"]


@pytest.mark.parametrize("seed", ["random", "[random, 3]", "[random, random]", "$params.first"])
def test_the_recipe_in_a_picture_makes_it_again(tmp_path: Path, seed: str) -> None:
    text = RECIPE.replace("SEED", seed)
    if seed == "$params.first":
        text = text.replace("first: 1", "first: {type: seed, default: random}").replace(
            "a-{params.first}", "a"
        )
        text = text.replace("b-{params.first}", "b")
    made = prepared(tmp_path, text)
    inside = next(iter(records(made).values()))["recipe"]
    again = prepared(tmp_path, json.dumps(inside))
    assert seeds(again) == seeds(made)
    assert again.plan.keys[0].key == made.plan.keys[0].key


def test_every_picture_tells_of_its_own_cell_and_of_the_first_name_of_its_node(tmp_path: Path) -> None:
    text = RECIPE.replace("SEED", "$params.first") + "matrix: {first: [1, 2, 3]}\n"
    found = records(prepared(tmp_path, text))
    assert {path: (it["cell"], it["node"]) for path, it in found.items()} == {
        **{f"a-{n}.png": (f"first={n}", "a") for n in (1, 2, 3)},
        **{f"b-{n}.png": (f"first={n}", "same") for n in (1, 2, 3)},
    }
    assert found["a-2.png"]["recipe"]["params"] == {"first": 2}
    assert found["a-2.png"]["inputs"] == {}, "a file that was left out is no input"


def test_another_plan_is_not_mistaken_for_the_one_before(tmp_path: Path) -> None:
    one = records(prepared(tmp_path, RECIPE.replace("SEED", "1")))
    two = records(prepared(tmp_path, RECIPE.replace("SEED", "2")))
    assert one["a-1.png"]["recipe"]["nodes"]["a"]["seed"] == 1
    assert two["a-1.png"]["recipe"]["nodes"]["a"]["seed"] == 2


def test_the_names_of_a_plan_are_gone_through_once(tmp_path: Path) -> None:
    # With one look at all names for every picture, 2,000 cells took 4 times as long as 1,000.
    text = RECIPE.replace("SEED", "$params.first")
    made = prepared(tmp_path, text + f"matrix: {{first: {list(range(50))}}}\n")
    looked = 0

    class Counted(dict[tuple[str, str], int]):
        def items(self) -> Any:
            nonlocal looked
            looked += 1
            return super().items()

    object.__setattr__(made.graph, "names", Counted(made.graph.names))
    assert len(records(made)) == 100
    assert looked <= 2
