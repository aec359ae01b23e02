"""What a plan says: which nodes run, why, and what stays."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sdflow.composition import Composition, Json
from sdflow.graph.build import build
from sdflow.graph.infer import infer
from sdflow.graph.plan import Choices, Kept, Plan, plan
from tests.graph.arithmetic import ARITHMETIC, NoFacts, cell, composition, recipe


@dataclass
class Remembered:
    """A store in a dictionary, and what each node was last time."""

    records: dict[str, "Row"] = field(default_factory=dict)
    last: dict[tuple[str, str], str] = field(default_factory=dict)

    def keeps(self, key: str) -> bool:
        return key in self.records and self.records[key].there

    def before(self, key: str) -> Kept | None:
        return self.records.get(key)

    def previous(self, cell: str, node: str) -> str | None:
        return self.last.get((cell, node))

    def seconds(self, node_type: str, scale: str, work: float) -> tuple[float, float] | None:
        return (work, 2 * work)

    def ran(self, made: Plan) -> None:
        for place, number in made.graph.names.items():
            if number not in made.nodes:
                continue
            keyed = made.keys[number]
            self.records[keyed.key] = Row(keyed.preimage)
            self.last[place] = keyed.key


@dataclass
class Row:
    preimage: Json
    there: bool = True


def planned(made: Composition, memory: Remembered, **choices: object) -> Plan:
    graph = build(made, ARITHMETIC)
    facts = NoFacts()
    named = {
        name: frozenset(number for node in value for number in graph.named(node))  # type: ignore[attr-defined]
        for name, value in choices.items()
        if name != "refresh"
    }
    targets = tuple(named.pop("targets", ()))
    wishes = Choices(targets=targets, refresh=bool(choices.get("refresh")), **named)
    return plan(graph, facts, infer(graph, facts), memory, wishes)


#  one ──▶ sum ──▶ top      lone feeds nothing
#  two ──▶ sum
NODES: Mapping[str, Mapping[str, object]] = {
    "one": {"type": "make", "value": 1},
    "two": {"type": "make", "value": 2},
    "sum": {"type": "add", "of": ["$one", "$two"]},
    "top": {"type": "add", "of": ["$sum"], "plus": 1},
    "lone": {"type": "make", "value": 9},
}


def changed(**fields: Mapping[str, object]) -> Composition:
    nodes = {name: {**value, **fields.get(name, {})} for name, value in NODES.items()}
    return recipe(nodes, {"top.png": "$top"})


def said(made: Plan) -> dict[str, str]:
    return {
        node.item.origins[0].name: node.reason if node.status in ("run", "cached") else node.status
        for node in made.nodes.values()
    }


def test_the_first_time_everything_needed_is_new_and_nothing_else_is_looked_at() -> None:
    made = planned(changed(), Remembered())
    assert said(made) == dict.fromkeys(("one", "two", "sum", "top"), "new")
    assert made.seconds == (1 + 1 + 2 + 1, 2 * (1 + 1 + 2 + 1))


def test_the_second_time_everything_is_cached() -> None:
    memory = Remembered()
    memory.ran(planned(changed(), memory))
    made = planned(changed(), memory)
    assert said(made) == dict.fromkeys(("one", "two", "sum", "top"), "cached")
    assert made.order == ()


def test_reasons_name_the_change() -> None:
    memory = Remembered()
    memory.ran(planned(changed(), memory))
    made = planned(changed(one={"value": 5}), memory)
    assert said(made) == {
        "one": "value 1 → 5",
        "two": "cached",
        "sum": "input one changed",
        "top": "input sum changed",
    }
    made = planned(changed(top={"plus": 3, "most": 9}), memory)
    assert said(made)["top"] == "most 255 → 9, plus 1 → 3"


def test_an_output_that_is_there_needs_nothing_before_it() -> None:
    memory = Remembered()
    first = planned(changed(), memory)
    memory.ran(first)
    for name in ("sum", "one"):
        memory.records[memory.last["", name]].there = False
    made = planned(changed(), memory)
    assert made.order == ()
    assert said(made)["sum"] == "not needed"


def test_what_is_gone_runs_again_with_what_it_needs() -> None:
    memory = Remembered()
    memory.ran(planned(changed(), memory))
    for name in ("top", "sum", "one"):
        memory.records[memory.last["", name]].there = False
    made = planned(changed(), memory)
    gone = "not kept any more"
    assert said(made) == {"one": gone, "two": "cached", "sum": gone, "top": gone}


def test_forcing() -> None:
    memory = Remembered()
    memory.ran(planned(changed(), memory))
    assert said(planned(changed(), memory, forced=["sum"])) == {
        "one": "cached", "two": "cached", "sum": "forced", "top": "cached",
    }  # fmt: skip
    assert said(planned(changed(), memory, forced_on=["sum"]))["top"] == "forced"
    assert set(said(planned(changed(), memory, refresh=True)).values()) == {"forced"}
    made = planned(changed(), memory, targets=["lone"])
    assert said(made) == {"lone": "new"}


def test_renaming_and_reordering_nodes_changes_no_key() -> None:
    memory = Remembered()
    memory.ran(planned(changed(), memory))
    renamed: dict[str, Mapping[str, object]] = {
        "z": {"type": "add", "of": ["$y"], "plus": 1},
        "y": {"type": "add", "of": ["$b", "$a"]},
        "a": {"type": "make", "value": 2},
        "b": {"type": "make", "value": 1, "note": ""},
    }
    assert planned(recipe(renamed, {"other.png": "$z"}), memory).order == ()


def test_cells_share_what_is_equal() -> None:
    cells = [
        cell(
            {**NODES, "top": {"type": "add", "of": ["$sum"], "plus": plus}},
            {f"{plus}.png": "$top"},
            f"plus={plus}",
        )
        for plus in (1, 2, 3)
    ]
    made = planned(composition(*cells), Remembered())
    assert len(made.order) == 3 + 3
