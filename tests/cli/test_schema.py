"""The schema that editors check recipes with: what sdflow takes it takes, and what is plainly wrong it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from sdflow.cli.recipe_schema import recipe_schema
from sdflow.nodes.builtin import BUILT_IN, default_registry
from sdflow.recipe.yaml12 import parse_yaml
from tests.cli.conftest import Sdflow

jsonschema = pytest.importorskip("jsonschema")

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = recipe_schema(default_registry())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def complaints(validator: Any, text: str) -> list[str]:
    """Where the schema finds something, as dotted paths."""
    value = parse_yaml(text.encode(), "test.yaml").value
    return sorted({".".join(map(str, error.absolute_path)) for error in validator.iter_errors(value)})


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_that_sdflow_brings_are_right(validator: Any, recipe: Path) -> None:
    assert complaints(validator, recipe.read_text(encoding="utf-8")) == []


def recipe(node: str, params: str = "{}", matrix: str = "") -> str:
    return f"""\
sdflow: 1
params: {params}
nodes:
  model: {{type: load-model, source: "builtin:tiny"}}
  it: {node}
outputs: {{"it.png": $it}}
{matrix}
"""


RIGHT = [
    "{type: init-latent, model: $model}",
    "{type: init-latent, model: $model, width: 64, seed: 5}",
    "{type: init-latent, model: $model, seed: random}",
    "{type: init-latent, model: $model, seed: [1, 2], batch: 2}",
    "{type: init-latent, model: $model, width: $params.width, seed: $params.seed}",
    "{type: encode-prompt, model: $model, prompt: a fox}",
    "{type: encode-prompt, model: $model, prompt: [a fox, $params.other]}",
    '{type: encode-prompt, model: $model, prompt: "$$100"}',
    '{type: encode-prompt, model: $model, prompt: "", negative: ""}',
    "{type: denoise, model: $model, conditioning: $a, latent: $b.latent, sampler: DPM++ 2M Karras, guidance: 5}",
    "{type: denoise, model: $model, conditioning: $a, latent: $b, sampler: unipc, strength: 0.5, from: 0.2}",
    "{type: load-model, source: owner/name, vae: owner/other}",
    "{type: load-model, source: owner/name, vae: {source: owner/other, revision: main}}",
    "{type: grid, images: [$a, $b.decoded], labels: [one, two]}",
    "{type: resize-image, image: $a, width: null, height: 5, multiple-of: 8}",
]


@pytest.mark.parametrize("node", RIGHT)
def test_right_nodes_pass(validator: Any, node: str) -> None:
    assert complaints(validator, recipe(node)) == []


WRONG = {
    "{type: init-latent}": "nodes.it",
    "{model: $model}": "nodes.it",
    "{type: init-latnt, model: $model}": "nodes.it.type",
    "{type: init-latent, model: $model, widht: 5}": "nodes.it",
    "{type: init-latent, model: model}": "nodes.it.model",
    "{type: init-latent, model: $params.model.port}": "nodes.it.model",
    "{type: init-latent, model: $model, width: 4}": "nodes.it.width",
    "{type: init-latent, model: $model, width: 64.5}": "nodes.it.width",
    '{type: init-latent, model: $model, width: "64"}': "nodes.it.width",
    "{type: init-latent, model: $model, width: $model}": "nodes.it.width",
    "{type: init-latent, model: $model, seed: often}": "nodes.it.seed",
    "{type: init-latent, model: $model, seed: -1}": "nodes.it.seed",
    "{type: encode-prompt, model: $model, prompt: $text}": "nodes.it.prompt",
    "{type: encode-prompt, model: $model, prompt: [a, 5]}": "nodes.it.prompt",
    "{type: encode-prompt, model: $model, prompt: a, long: cut}": "nodes.it.long",
    "{type: denoise, model: $model, conditioning: $a, latent: $b, strength: 0}": "nodes.it.strength",
    "{type: grid, images: []}": "nodes.it.images",
    "{type: grid, images: $a}": "nodes.it.images",
    "{type: grid, images: [a]}": "nodes.it.images.0",
    "{type: load-model, vae: {sauce: owner/name}}": "nodes.it.vae",
    "5": "nodes.it",
}


@pytest.mark.parametrize(("node", "where"), WRONG.items())
def test_wrong_nodes_do_not(validator: Any, node: str, where: str) -> None:
    assert complaints(validator, recipe(node)) == [where]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("sdflow: 2\nnodes: {a: {type: load-model}}\noutputs: {a.png: $a}", "sdflow"),
        ("nodes: {a: {type: load-model}}\noutputs: {a.png: $a}", ""),
        ("sdflow: 1\nnodes: {}\noutputs: {a.png: $a}", "nodes"),
        ("sdflow: 1\nnodes: {a: {type: load-model}}\noutputs: {}", "outputs"),
        ("sdflow: 1\nnodes: {a: {type: load-model}}\noutputs: {a.png: a}", "outputs.a.png"),
        ("sdflow: 1\nnodse: {}\nnodes: {a: {type: load-model}}\noutputs: {a.png: $a}", ""),
        ("sdflow: 1\nnodes: {a b: {type: load-model}}\noutputs: {a.png: $a}", "nodes"),
        ("sdflow: 1\nnodes: {params: {type: load-model}}\noutputs: {a.png: $a}", "nodes"),
        (recipe(RIGHT[0], params="{a: {type: int, dfault: 5}}"), "params.a"),
        (recipe(RIGHT[0], params="{a: {type: integer}}"), "params.a"),
        (recipe(RIGHT[0], params="[a]"), "params"),
        (recipe(RIGHT[0], matrix="matrix: {seed: 5}"), "matrix.seed"),
        (recipe(RIGHT[0], matrix="matrix: {seed: []}"), "matrix.seed"),
    ],
)
def test_wrong_recipes_do_not(validator: Any, text: str, where: str) -> None:
    assert complaints(validator, text) == [where]


@pytest.mark.parametrize(
    "params", ["{a: 1, b: x, c: true, d: [1, 2], e: {type: int, default: 5, min: 1}}", "null"]
)
def test_params_in_all_their_forms(validator: Any, params: str) -> None:
    matrix = "matrix: {a: [1, 2], include: [{a: 3}], exclude: [{a: 1}]}"
    assert complaints(validator, recipe(RIGHT[0], params, matrix)) == []


def test_editors_find_what_they_show(validator: Any) -> None:
    schema = validator.schema
    node = schema["properties"]["nodes"]["additionalProperties"]
    assert node["properties"]["type"]["enum"] == list(BUILT_IN)
    branches = {it["if"]["properties"]["type"]["const"]: it["then"] for it in node["allOf"]}
    assert branches["denoise"]["properties"]["steps"]["description"].startswith("Number of denoising steps")
    assert branches["denoise"]["properties"]["steps"]["default"] == 25
    assert "unipc" in branches["denoise"]["properties"]["sampler"]["anyOf"][0]["enum"]
    assert branches["denoise"]["properties"]["latent"]["description"].startswith("Latent. Where to start")
    assert "$ref" not in json.dumps(schema)


def test_the_command_prints_or_writes_it_and_says_how_editors_find_it(sdflow: Sdflow, tmp_path: Path) -> None:
    printed = sdflow("schema")
    written = sdflow("schema", "-o", "recipe.json")
    assert json.loads(printed.out) == json.loads((tmp_path / "recipe.json").read_text())
    assert written.out == "recipe.json\n"
    assert "# yaml-language-server: $schema=recipe.json" in written.err
