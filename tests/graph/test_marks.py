"""Marks count wherever they stand in a field's type, and two values are one only when their keys say so."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel

from sdflow.composition import Json
from sdflow.graph.build import Graph, build
from sdflow.graph.facts import Facts, FileFacts, FileNeed
from sdflow.graph.field_kinds import file_fields, to_json
from sdflow.graph.fields import MAX_SEED, ImageFile, NotInKey, Seed
from sdflow.graph.infer import infer
from sdflow.graph.keys import make_keys
from sdflow.graph.node import Node
from sdflow.graph.registry import Registry
from sdflow.values import ImageSpec
from tests.graph.arithmetic import NoFacts, cell, composition, recipe


class Source(Node):
    """A picture of one pixel."""

    outputs = {"image": "Image"}

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}


class Masked(Source, type="masked", version=1):
    """A picture, perhaps with another one as its mask."""

    path: ImageFile
    mask: ImageFile | None = None
    tagged: Annotated[ImageFile | None, "a mark of somebody else's"] = None
    threads: Annotated[int, NotInKey()] | None = None


class Pair(BaseModel, frozen=True):
    """Two numbers."""

    left: int | float
    right: int | float | bool = 0


class Loose(Source, type="loose", version=1):
    """A field that takes nearly anything."""

    value: bool | int | float | str | tuple[int | float | bool, ...] | Pair | None = None
    free: Annotated[int | float | bool, NotInKey()] = 0
    path: ImageFile | None = None


class Lucky(Source, type="lucky", version=1):
    """A seed."""

    seed: Seed


REGISTRY = Registry((Masked, Loose, Lucky))


def graph_of(*nodes: Mapping[str, object]) -> Graph:
    return build(recipe({f"n{i}": node for i, node in enumerate(nodes)}, {"a.png": "$n0"}), REGISTRY)


def test_a_file_that_may_be_left_out_is_a_file_all_the_same() -> None:
    assert [name for name, _ in file_fields(Masked)] == ["path", "mask", "tagged"]
    node = graph_of({"type": "masked", "path": "a.png", "tagged": "c.png"}).nodes[0].node
    assert list(node.needs()) == [
        FileNeed(("path",), "a.png", "image"),
        FileNeed(("tagged",), "c.png", "image"),
    ]
    assert node.key_fields() == {}, "neither files nor what is marked NotInKey"


def test_the_key_holds_the_digest_of_such_a_file_and_not_its_path() -> None:
    def key(mask: str | None) -> tuple[str, Json]:
        graph = graph_of({"type": "masked", "path": "a.png", "mask": mask})
        files = {name: FileFacts(Path(name), f"sha256:{name[0]}", 1) for name in ("a.png", "b.png")}
        files["b-copy.png"] = files["b.png"]
        facts = NoFacts(files=files)
        keyed = make_keys(graph, facts, infer(graph, facts))[0]
        return keyed.key, keyed.preimage["files"]

    assert key(None)[1] == {"path": "sha256:a"}
    assert key("b.png")[1] == {"path": "sha256:a", "mask": "sha256:b"}
    assert key("b.png") == key("b-copy.png")
    assert len({key(None)[0], key("b.png")[0], key("a.png")[0]}) == 3


def test_values_that_only_python_calls_equal_are_two_nodes() -> None:
    values = [1, True, 1.0, "1", None, 0, False, 0.0, (1,), (1.0,), (True,)]
    graph = graph_of(*({"type": "loose", "value": list(v) if isinstance(v, tuple) else v} for v in values))
    assert len(graph.nodes) == len(values)
    facts = NoFacts()
    assert len({keyed.key for keyed in make_keys(graph, facts, infer(graph, facts)).values()}) == len(values)
    assert [item.node.key_fields()["value"] for item in graph.nodes] == [to_json(value) for value in values]


@pytest.mark.parametrize("field", ["free", "path"])
def test_what_is_not_in_the_key_keeps_nodes_apart_too(field: str) -> None:
    values: list[object] = [1, True, 1.0] if field == "free" else [None, "a.png", "b.png"]
    assert len(graph_of(*({"type": "loose", field: value} for value in values)).nodes) == 3


def test_nested_values() -> None:
    pairs = [{"left": 1, "right": 1}, {"left": 1.0, "right": 1}, {"left": 1, "right": True}]
    again = {"right": 1, "left": 1}
    assert len(graph_of(*({"type": "loose", "value": value} for value in [*pairs, again])).nodes) == 3


def test_there_is_one_zero() -> None:
    assert (
        str(to_json([-0.0, {"a": -0.0}, Pair(left=-0.0)])) == "[0.0, {'a': 0.0}, {'left': 0.0, 'right': 0}]"
    )
    assert len(graph_of({"type": "loose", "value": 0.0}, {"type": "loose", "value": -0.0}).nodes) == 1


def test_every_random_seed_of_a_list_is_drawn_by_itself() -> None:
    def draw(name: str, place: int) -> int:
        return 100 * int(name[1]) + place

    nodes: Mapping[str, Mapping[str, object]] = {
        "n1": {"type": "lucky", "seed": ["random", 3, "random"]},
        "n2": {"type": "lucky", "seed": "random"},
    }
    made = build(recipe(nodes, {"a.png": "$n1"}), REGISTRY, draw=draw)
    assert [item.node.key_fields()["seed"] for item in made.nodes] == [[100, 3, 102], 200]


def test_seeds_of_one_list_differ_and_are_the_same_in_all_cells() -> None:
    nodes = {"a": {"type": "lucky", "seed": ["random", "random"]}}
    made = build(composition(*(cell(nodes, {f"{i}.png": "$a"}, str(i)) for i in range(2))), REGISTRY)
    (item,) = made.nodes
    seeds = item.node.key_fields()["seed"]
    assert isinstance(seeds, list)
    first, second = seeds
    assert first != second
    assert all(isinstance(seed, int) and 0 <= seed <= MAX_SEED for seed in seeds)
