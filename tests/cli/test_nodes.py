"""The vocabulary as it is told: the table, one type, the page, and examples that are right."""

import json
import re
from pathlib import Path

import pytest

from sdflow.cli.node_examples import NAMES, example
from sdflow.cli.node_facts import facts_of, values_text
from sdflow.cli.nodes import sampler_families
from sdflow.cli.nodes_page import nodes_page
from sdflow.cli.tables import width_of
from sdflow.graph.build import build
from sdflow.graph.node import Node
from sdflow.nodes.builtin import BUILT_IN, default_registry
from sdflow.recipe import compose, parse_recipe
from tests.cli.conftest import Sdflow
from tests.graph.arithmetic import Add

TYPES = tuple(load() for load in BUILT_IN.values())
PAGE = Path(__file__).parents[2] / "docs" / "nodes.md"

CONTEXT = """\
sdflow: 1
nodes:
  model: {type: load-model, source: "builtin:tiny"}
  text: {type: encode-prompt, model: $model, prompt: a fox}
  more: {type: encode-prompt, model: $model, prompt: an owl}
  left: {type: regional-conditioning, conditioning: $text, area: {width: 0.5}}
  photo: {type: load-image, path: sketch.png}
  resized: {type: resize-image, image: $photo, width: 64}
  noise: {type: init-latent, model: $model}
  sample: {type: denoise, model: $model, conditioning: $text, latent: $noise}
  image: {type: decode, model: $model, latent: $sample}
  mirrored: {type: flip-latent, latent: $sample}
  left-half: {type: crop-latent, latent: $sample, width: 256, height: 512}
  larger-latent: {type: upscale-latent, latent: $sample}
  larger: {type: upscale, image: $image}
  esrgan: {type: load-upscaler, source: ./esrgan.pth}
  checker: {type: load-safety-checker, source: CompVis/stable-diffusion-safety-checker}
  adapter: {type: load-ip-adapter, source: ./ip_adapter.bin}
  estimator: {type: load-depth-estimator, source: ./depth}
  looker: {type: load-pose-estimator, source: ./pose}
  mask: {type: load-mask, path: mask.png}
  soft: {type: adjust-mask, mask: $mask, feather: 4}
  detail: {type: crop-to-mask, image: $photo, mask: $mask, width: 64, height: 64}
"""


PORTRAIT = """
sdflow: 1
params: {prompt: {type: string}, steps: 25}
nodes:
  model: {type: load-model, source: "builtin:tiny"}
  text: {type: encode-prompt, model: $model, prompt: $params.prompt}
  noise: {type: init-latent, model: $model, width: 64, height: 64, seed: 1}
  sample: {type: denoise, model: $model, conditioning: $text, latent: $noise, steps: $params.steps}
  image: {type: decode, model: $model, latent: $sample}
outputs: {"{name}.png": $image}
"""


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == nodes_page(), "python -m sdflow.cli.nodes_page > docs/nodes.md"


@pytest.mark.parametrize("node_type", TYPES, ids=lambda node_type: node_type.name)
def test_every_example_is_right(node_type: type[Node], tmp_path: Path) -> None:
    (tmp_path / "portrait.yaml").write_text(PORTRAIT)  # the recipe that one of them uses
    shown = example(facts_of(node_type))
    name = shown.partition(":")[0]
    others = [line for line in CONTEXT.splitlines() if not line.startswith(f"  {name}:")]
    recipe = "\n".join([*others, *(f"  {line}" for line in shown.splitlines()), "outputs: {x.png: $image}"])
    build(compose(parse_recipe(recipe.encode(), "example.yaml", base=tmp_path)), default_registry())


@pytest.mark.parametrize("columns", [80, 100, 140])
@pytest.mark.parametrize(
    "asked", [("nodes",), ("nodes", "denoise"), ("nodes", "init-latent-from-image"), ("new",)]
)
def test_what_is_told_fits_into_the_terminal(
    sdflow: Sdflow, monkeypatch: pytest.MonkeyPatch, columns: int, asked: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    answer = sdflow(*asked)
    assert [line for line in answer.out.splitlines() if width_of(line) > columns] == []
    told = (
        answer.out.partition("\nSamplers\n")[0]
        .replace("Image …", "")
        .replace("Conditioning …", "")
        .replace("Latent …", "")
        .replace("Mask …", "")
        .replace("10, …", "")
    )
    assert "…" not in told, "something was cut off"


def test_every_type_has_an_example_with_a_name_of_its_own() -> None:
    assert NAMES.keys() == set(BUILT_IN)
    assert len(set(NAMES.values())) == len(NAMES)


@pytest.mark.parametrize("node_type", TYPES, ids=lambda node_type: node_type.name)
def test_everything_is_described(node_type: type[Node]) -> None:
    facts = facts_of(node_type)
    assert facts.doc.endswith(".")
    for field in (*facts.inputs, *facts.fields):
        assert field.description, field.name
        assert field.kind or field.values, field.name


def test_the_table_has_every_type(sdflow: Sdflow) -> None:
    said = sdflow("nodes").out
    assert all(f"\n{node_type.name} " in f"\n{said}" for node_type in TYPES)
    assert re.search(r"^denoise +Model, Conditioning, Latent → Latent, Trajectory$", said, re.MULTILINE)


def test_one_type(sdflow: Sdflow) -> None:
    assert (
        sdflow("nodes", "add").out
        == """\
add  version 1
The sum of numbers.

Inputs
  of  list of Image

Outputs
  image   Image  $node or $node.image
  double  Image  $node.double

Fields
  plus  whole number, at least 0; default 0
  most  whole number; default 255

Example
  add:
    type: add
    of: [$image]
"""
    )


def test_denoise_lists_its_samplers(sdflow: Sdflow) -> None:
    said = sdflow("nodes", "denoise").out
    assert all(f"\n  {sampler.name} " in said for sampler, _ in sampler_families())
    assert "euler              Euler              -karras, -exponential, -beta, -trailing" in said


def test_an_unknown_type(sdflow: Sdflow) -> None:
    answer = sdflow("nodes", "denoize")
    assert (answer.code, answer.err) == (
        2,
        "SDF727 there is no node type denoize\n  hint: did you mean denoise?\n",
    )


def test_json(sdflow: Sdflow) -> None:
    add = json.loads(sdflow("nodes", "add", "--json").out)
    assert add["inputs"] == [
        {
            "name": "of", "description": "", "required": True, "kind": "Image", "many": True, "values": "",
            "default": None, "within": "",
        }
    ]  # fmt: skip
    assert add["outputs"] == {"image": "Image", "double": "Image"}
    assert {it["name"] for it in json.loads(sdflow("nodes", "--json").out)} >= set(BUILT_IN)
    assert facts_of(Add).fields[0].default == 0


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 1000}, "whole number, 1 to 1000"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "number, above 0 and at most 1"),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "number, at least 0 and below 1"),
        ({"enum": ["a", "b", "c"]}, "a, b or c"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        (
            {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "random"}]},
            "whole number, at least 0 or random",
        ),
        ({"type": "array", "items": {"type": "string"}}, "list of: text"),
        ({"type": ["string", "null"]}, "text"),
        ({"type": "boolean"}, "true or false"),
    ],
)
def test_values_in_words(schema: dict[str, object], words: str) -> None:
    assert values_text(schema) == words
