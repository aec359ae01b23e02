"""What the documents say is so: their recipes are right, their commands exist, their links lead somewhere."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from sdflow.cli.main import sdflow
from sdflow.composing import compose_file
from sdflow.graph.build import build
from sdflow.nodes.builtin import default_registry
from sdflow.recipe import Changes, Param, examine
from sdflow.recipe.fitting import fit_text
from sdflow.recipe.model import PlainType, WireType
from sdflow.recipe.source import Source
from sdflow.recipe.yaml12 import parse_text

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
REFERENCE = ROOT / "docs" / "recipes.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

BASE = """\
sdflow: 1
name: example
nodes:
  model: {type: load-model, source: "builtin:tiny"}
  text: {type: encode-prompt, model: $model, prompt: a fox}
  noise: {type: init-latent, model: $model, width: 64, height: 64}
  sample: {type: denoise, model: $model, conditioning: $text, latent: $noise, steps: 4}
  image: {type: decode, model: $model, latent: $sample}
outputs: {"{name}.png": $image}
"""
"""What stands around the blocks that show only some sections."""


def blocks(page: Path, language: str) -> Iterator[tuple[str, str]]:
    """The blocks of a page in a language, each with its line for the name of the test."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if found[1] == language:
            yield f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}", found[2]


def whole_recipe(block: str) -> str:
    """A block as a recipe: itself, or its sections in place of those of `BASE`, its nodes among the nodes there."""
    if block.startswith("sdflow: 1"):
        return block
    part, whole = (parse_text(Source("block", text)).value for text in (block, BASE))
    assert isinstance(part, dict)
    assert isinstance(whole, dict)
    nodes = {**_mapping(whole["nodes"]), **_mapping(part.get("nodes", {}))}
    params = {"seed": 3, **_mapping(part.get("params", {}))}
    return json.dumps({**whole, **part, "nodes": nodes, "params": params})


def _mapping(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


RECIPES = [
    *(
        (name, block)
        for page in PAGES
        for name, block in blocks(page, "yaml")
        if block.startswith("sdflow: 1")
    ),
    *(
        (name, block)
        for page in (REFERENCE, ROOT / "docs" / "from-a1111.md")
        for name, block in blocks(page, "yaml")
        if not block.startswith("sdflow: 1")
    ),
]


FOX = next(block for name, block in RECIPES if name.startswith("recipes.md") and "name: fox" in block)
"""The first recipe of the reference, which is a node of another one there."""


@pytest.mark.parametrize(("name", "block"), RECIPES, ids=[name for name, _ in RECIPES])
def test_recipes_are_right(tmp_path: Path, name: str, block: str) -> None:
    recipe = tmp_path / f"{name.replace(':', '-')}.yaml"
    recipe.write_text(whole_recipe(block), encoding="utf-8")
    (tmp_path / "fox.yaml").write_text(FOX, encoding="utf-8")
    registry = default_registry()
    composition = compose_file(recipe, Changes(), registry)
    graph = build(composition, registry)
    assert graph.outputs
    if "exclude:" in block:
        assert [cell.label for cell in composition.cells] == [
            "seed=1,sampler=euler,guidance=5.0",
            "seed=1,sampler=dpm++-2m-karras",
            "seed=2,sampler=dpm++-2m-karras",
            "seed=9,sampler=heun",
        ]


def test_all_kinds_of_params_are_named() -> None:
    named = re.findall(
        r"`([a-z-]+)`", section("Params").partition("stand for an output")[2].partition("reference.")[0]
    )
    assert named == list(get_args(WireType))


def test_there_are_recipes_to_check() -> None:
    assert len(RECIPES) >= 12
    assert any(name.startswith("README") for name, _ in RECIPES)


def section(heading: str) -> str:
    """A section of the reference."""
    return REFERENCE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_table_of_yaml_is_right() -> None:
    rows = re.findall(r"^\| (`.+?`) \| (`.+?`|a text) \|", section("YAML"), re.MULTILINE)
    assert len(rows) == 10
    for written, means in rows:
        meanings = re.findall(r"`([^`]+)`", means)
        for place, scalar in enumerate(re.findall(r"`([^`]+)`", written)):
            value = parse_text(Source("table", f"x: {scalar}")).value
            assert value == {"x": json.loads(meanings[place]) if meanings else scalar}


def test_the_table_of_types_is_right() -> None:
    declared: dict[str, object] = {}
    for _, block in blocks(REFERENCE, "yaml"):
        if block.startswith("params:\n") and "nodes:" not in block:
            declared |= examine(whole_recipe(block).encode(), "block").recipe.params
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*-p .*) \|$", section("Params"), re.MULTILINE)
    assert [kind for kind, _ in rows] == list(get_args(PlainType))
    for kind, cell in rows:
        for option in re.findall(r"`(-p [^`]+)`", cell):
            name, _, value = shlex.split(option)[1].partition("=")
            param = declared[name]
            assert isinstance(param, Param)
            assert param.type == kind
            fit_text(param, value)


COMMANDS = sorted(
    {
        (page.name, line)
        for page in PAGES
        for line in (
            *(
                line.removeprefix("$ ").split("   #")[0].strip()
                for language in ("console", "sh")
                for _, block in blocks(page, language)
                for whole in block.splitlines()
                for line in whole.split(" && ")
            ),
            *re.findall(r"`(sdflow [^`]+)`", _BLOCK.sub("", page.read_text(encoding="utf-8"))),
        )
        if re.match(r"(\S*/)?sdflow ", line)
    }
)


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_commands_parse(page: str, line: str) -> None:
    assert_parses(line, page)


def assert_parses(line: str, page: str) -> None:
    """A command line names commands and options that exist."""
    _, *arguments = shlex.split(line.partition(" > ")[0])
    command: click.Command = sdflow
    context = click.Context(sdflow, info_name="sdflow")
    while isinstance(command, click.Group) and arguments:
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None, f"{page}: {line}"
        command, context = found, click.Context(found, parent=context, info_name=name)
    if arguments or not any(parameter.required for parameter in command.params):
        command.make_context(context.info_name, list(arguments), parent=context.parent)


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 15


def test_options_exist() -> None:
    commands = [sdflow.get_command(click.Context(sdflow), name) for name in ("run", "plan")]
    known = {
        name for command in commands if command for parameter in command.params for name in parameter.opts
    }
    named = re.findall(r"`(--?[a-z][a-z-]*)(?: [^`]*)?`", REFERENCE.read_text(encoding="utf-8"))
    assert len(set(named)) >= 8
    assert set(named) <= known


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
