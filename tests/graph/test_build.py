"""From recipes to one graph: wiring, merging, and every mistake at once."""

from collections.abc import Mapping

import pytest

from sdflow.graph.build import Graph, build
from sdflow.problems import UserError
from tests.graph.arithmetic import ARITHMETIC, cell, composition, recipe

Nodes = Mapping[str, Mapping[str, object]]


def graph_of(nodes: Nodes, outputs: Mapping[str, str]) -> Graph:
    return build(recipe(nodes, outputs), ARITHMETIC)


def test_nodes_come_after_those_that_feed_them_whatever_the_order_in_the_file() -> None:
    # one ──▶ sum ──▶ twice
    # two ──▶ sum
    nodes: Nodes = {
        "twice": {"type": "add", "of": ["$sum", "$sum"]},
        "sum": {"type": "add", "of": ["$one", "$two"]},
        "two": {"type": "make", "value": 2},
        "one": {"type": "make", "value": 1},
    }
    graph = graph_of(nodes, {"a.png": "$twice"})
    places = {name: number for (_, name), number in graph.names.items()}
    assert places["sum"] > max(places["one"], places["two"])
    assert places["twice"] > places["sum"]
    assert [wire.node for _, wire in graph.nodes[places["sum"]].inputs] == [places["one"], places["two"]]


def test_equal_nodes_are_one_node_in_a_cell_and_across_cells() -> None:
    def one(value: int) -> Nodes:
        return {
            "shared": {"type": "make", "value": 7},
            "same": {"type": "make", "value": 7, "scale": 1},
            "own": {"type": "add", "of": ["$shared", "$same"], "plus": value},
        }

    made = composition(*(cell(one(v), {f"{v}.png": "$own"}, f"plus={v}") for v in (1, 2, 3)))
    graph = build(made, ARITHMETIC)
    assert len(graph.nodes) == 1 + 3
    assert len(graph.named("own")) == 3
    assert graph.named("shared") == graph.named("same")


def test_a_named_port_is_another_wire_than_the_first_port() -> None:
    nodes: Nodes = {"one": {"type": "make"}, "sum": {"type": "add", "of": ["$one"]}}
    graph = graph_of(nodes, {"a.png": "$sum", "b.png": "$sum.double"})
    assert [output.wire.port for output in graph.outputs] == ["image", "double"]


MISTAKES: list[tuple[str, Nodes, list[tuple[str, str]]]] = [
    ("type", {"a": {"type": "mak"}}, [("SDF201", "did you mean make?")]),
    ("field", {"a": {"type": "make", "valu": 1}}, [("SDF202", "did you mean value?")]),
    ("missing", {"a": {"type": "add"}}, [("SDF203", "")]),
    ("text for a number", {"a": {"type": "make", "value": "x"}}, [("SDF204", "")]),
    ("number in a text", {"a": {"type": "make", "value": "7"}}, [("SDF204", "")]),
    ("truth for a number", {"a": {"type": "make", "value": True}}, [("SDF204", "")]),
    ("range", {"a": {"type": "make", "value": 256}}, [("SDF204", "")]),
    ("not finite", {"a": {"type": "make", "scale": float("nan")}}, [("SDF204", "")]),
    ("no such node", {"a": {"type": "add", "of": ["$b"]}}, [("SDF206", "nodes: a")]),
    (
        "no such port",
        {"one": {"type": "make"}, "a": {"type": "add", "of": ["$one.imag"]}},
        [("SDF207", "did you mean $one.image?")],
    ),
    ("itself", {"a": {"type": "add", "of": ["$a"]}}, [("SDF208", "")]),
    (
        "a wire for a number",
        {"one": {"type": "make"}, "a": {"type": "make", "value": "$one"}},
        [("SDF209", "")],
    ),
    ("a number for a wire", {"a": {"type": "add", "of": [3]}}, [("SDF210", "write $node")]),
    ("an empty list", {"a": {"type": "add", "of": []}}, [("SDF204", "")]),
    (
        "several at once",
        {
            "a": {"type": "mak"},
            "b": {"type": "make", "value": -1, "skale": 2},
            "c": {"type": "add", "of": ["$d"]},
        },
        [("SDF201", ""), ("SDF202", "did you mean scale?"), ("SDF204", ""), ("SDF206", "")],
    ),
]


@pytest.mark.parametrize(
    ("nodes", "expected"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES]
)
def test_mistakes(nodes: Nodes, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(UserError) as caught:
        graph_of(nodes, {"a.png": "$a"})
    found = sorted((problem.code, problem.hint or "") for problem in caught.value.problems)
    assert [code for code, _ in found] == sorted(code for code, _ in expected)
    for (_, hint), (_, wanted) in zip(found, sorted(expected), strict=True):
        assert wanted in hint


def test_a_circle_is_said_once_and_does_not_hide_other_mistakes() -> None:
    # a ──▶ b ──▶ c ──▶ a     d has a mistake of its own, e hangs on the circle
    nodes: Nodes = {
        "a": {"type": "add", "of": ["$c"]},
        "b": {"type": "add", "of": ["$a"]},
        "c": {"type": "add", "of": ["$b"]},
        "d": {"type": "make", "value": 999},
        "e": {"type": "add", "of": ["$a"], "plus": -1},
    }
    with pytest.raises(UserError) as caught:
        graph_of(nodes, {"e.png": "$e"})
    circle, *others = sorted(caught.value.problems, key=lambda problem: problem.code != "SDF208")
    assert circle.message == "these nodes wait for each other: a → c → b → a"
    assert sorted(problem.node or "" for problem in others) == ["d", "e"]


def test_a_chain_of_ten_thousand_nodes_is_no_problem() -> None:
    nodes = {"n0": {"type": "make"}} | {
        f"n{i}": {"type": "add", "of": [f"$n{i - 1}"], "plus": i} for i in range(1, 10_000)
    }
    assert len(graph_of(nodes, {"a.png": "$n9999"}).nodes) == 10_000
