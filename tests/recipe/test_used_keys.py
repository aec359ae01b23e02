"""Any nodes of a recipe, put into a second recipe that the first one uses, have the keys that they had."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sdflow.composing import compose_file
from sdflow.graph.build import build
from sdflow.graph.infer import infer
from sdflow.graph.keys import make_keys
from sdflow.recipe import Changes
from tests.cli.conftest import REGISTRY
from tests.graph.arithmetic import NoFacts

Nodes = dict[str, dict[str, Any]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Nodes, frozenset[str]]:
    """Nodes that take earlier ones, on either port; and those of them that go into the other recipe."""
    count = draw(st.integers(2, 7))
    nodes: Nodes = {}
    for place in range(count):
        earlier = [f"$n{it}{port}" for it in range(place) for port in ("", ".image")]
        of = draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=3)) if earlier else []
        fields = {"type": "add", "of": of, "plus": place} if of else {"type": "make", "value": place}
        nodes[f"n{place}"] = fields
    inside = draw(st.sets(st.sampled_from(sorted(nodes)), min_size=1))
    return nodes, frozenset(inside)


def parted(nodes: Nodes, inside: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recipe with some nodes taken out, and that of those: what they take of others are params of it."""
    taken: dict[str, str] = {}

    def within(ref: str) -> str:
        name = ref[1:].partition(".")[0]
        if name in inside:
            return ref
        taken.setdefault(ref, f"p{len(taken)}")
        return f"$params.{taken[ref]}"

    inner = {name: _with(nodes[name], within) for name in nodes if name in inside}
    params = {name: {"type": "image", "default": "$stand-in"} for name in taken.values()}
    outer: Nodes = {
        name: _with(fields, lambda ref: _outside(ref, inside))
        for name, fields in nodes.items()
        if name not in inside
    }
    outer["in"] = {
        "type": "recipe",
        "path": "inner.yaml",
        "params": {name: ref for ref, name in taken.items()},
    }
    outputs = {f"{name}.png": _outside(f"${name}", inside) for name in nodes}
    inner_outputs = {f"{name}.png": f"${name}" for name in inner}
    stand_in = {"stand-in": {"type": "make", "value": 99}}
    return (
        {"sdflow": 1, "nodes": outer, "outputs": outputs},
        {"sdflow": 1, "params": params, "nodes": {**inner, **stand_in}, "outputs": inner_outputs},
    )


def _with(fields: Mapping[str, Any], change: Any) -> dict[str, Any]:
    return {**fields, **({"of": [change(ref) for ref in fields["of"]]} if "of" in fields else {})}


def _outside(ref: str, inside: frozenset[str]) -> str:
    name = ref[1:].partition(".")[0]
    return f"$in.{name}" if name in inside else ref


def keys(folder: Path, name: str) -> dict[str, str]:
    """The key of every output file."""
    composition = compose_file(folder / name, Changes(), REGISTRY)
    graph = build(composition, REGISTRY)
    made = make_keys(graph, NoFacts(), infer(graph, NoFacts()))
    return {output.path: made[output.wire.node].key for output in graph.outputs}


@given(graphs())
def test_nodes_in_another_recipe_have_the_keys_that_they_had(found: tuple[Nodes, frozenset[str]]) -> None:
    nodes, inside = found
    outputs = {f"{name}.png": f"${name}" for name in nodes}
    outer, inner = parted(nodes, inside)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file, recipe in (
            ("flat.yaml", {"sdflow": 1, "nodes": nodes, "outputs": outputs}),
            ("outer.yaml", outer),
            ("inner.yaml", inner),
        ):
            (folder / file).write_text(yaml.safe_dump(recipe, sort_keys=False))
        assert keys(folder, "outer.yaml") == keys(folder, "flat.yaml")
