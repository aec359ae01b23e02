"""Carrying plans out: what runs is what was planned, whatever happens on the way."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

import pytest

from sdflow.composition import Composition
from sdflow.engine.events import Event, NodeFailed, NodeSkipped, NodeStarted, OutputWritten, Warned
from sdflow.graph.facts import Facts
from sdflow.graph.fields import NotInKey
from sdflow.graph.node import Node, RunContext
from sdflow.graph.registry import Registry
from sdflow.graph.wire import Input
from sdflow.problems import NodeFailedError
from sdflow.values import Image, ImageSpec
from sdflow.wishes import Wishes
from sdflow.workflow import RunResult, Session, Settings
from tests.graph.arithmetic import ARITHMETIC, Add, Make, pixel, recipe

E = TypeVar("E", bound=Event)


class Fail(Node, type="fail", version=1):
    """A node that cannot be run."""

    outputs = {"image": "Image"}
    lane = "device"

    of: Input[Image]

    def infer(self, facts: Facts, of: ImageSpec) -> Mapping[str, ImageSpec]:
        return {"image": of}

    def run(self, ctx: RunContext, of: Image) -> Image:
        raise NodeFailedError("it does not work", hint="try another one")


class Slow(Node, type="slow", version=1):
    """A node with a hundred steps."""

    outputs = {"image": "Image"}
    lane = "device"

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}

    def run(self, ctx: RunContext) -> Image:
        for step in range(100):
            ctx.progress(step + 1, 100)
        return pixel(1)


REGISTRY = Registry((Make, Add, Fail, Slow))

#  one ──▶ sum ──▶ top
#  two ──▶ sum
NODES: Mapping[str, Mapping[str, object]] = {
    "one": {"type": "make", "value": 1},
    "two": {"type": "make", "value": 2},
    "sum": {"type": "add", "of": ["$one", "$two"]},
    "top": {"type": "add", "of": ["$sum"], "plus": 10},
}


class Runner:
    """A session on a folder, and what it said last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.session = Session(Settings(device="cpu", cache=folder / "cache"), REGISTRY)
        self.events: list[Event] = []

    def __call__(
        self, made: Composition, wishes: Wishes | None = None, *, keep_going: bool = False
    ) -> RunResult:
        self.events = []
        return self.session.run(
            made,
            wishes,
            out=self.folder / "out",
            listener=self.events.append,
            metadata=False,
            keep_going=keep_going,
        )

    def started(self) -> list[str]:
        return sorted(event.node for event in self.events if isinstance(event, NodeStarted))

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_everything_runs_once_and_then_nothing(run: Runner) -> None:
    made = recipe(NODES, {"top.png": "$top"})
    assert run(made).files["top.png"].exists()
    assert run.started() == ["one", "sum", "top", "two"]
    run(made)
    assert run.started() == []


def test_an_output_that_was_deleted_comes_back_without_running_anything(run: Runner) -> None:
    made = recipe(NODES, {"top.png": "$top"})
    file = run(made).files["top.png"]
    before = file.read_bytes()
    file.unlink()
    run(made)
    assert run.started() == []
    assert file.read_bytes() == before
    run(made)
    assert [event.fresh for event in run.of(OutputWritten)] == [False]


def test_an_output_that_somebody_painted_over_is_written_again(run: Runner) -> None:
    made = recipe(NODES, {"top.png": "$top"})
    file = run(made).files["top.png"]
    before = file.read_bytes()
    file.write_bytes(b"something else")
    run(made)
    assert file.read_bytes() == before


def test_results_survive_the_session(run: Runner, tmp_path: Path) -> None:
    made = recipe(NODES, {"top.png": "$top"})
    run(made)
    again = Runner(tmp_path)
    again(made)
    assert again.started() == []


def test_a_node_that_fails_names_itself_and_other_branches_go_on_if_asked(run: Runner) -> None:
    # one ──▶ bad ──▶ after      two ──▶ good
    nodes: Mapping[str, Mapping[str, object]] = {
        "one": {"type": "make", "value": 1},
        "bad": {"type": "fail", "of": "$one"},
        "after": {"type": "add", "of": ["$bad"]},
        "two": {"type": "make", "value": 2},
        "good": {"type": "add", "of": ["$two"]},
    }
    made = recipe(nodes, {"after.png": "$after", "good.png": "$good"})
    result = run(made, keep_going=True)
    (failure,) = run.of(NodeFailed)
    assert (failure.node, failure.where, failure.message) == ("bad", "test.yaml:2", "it does not work")
    assert [(event.node, event.because) for event in run.of(NodeSkipped)] == [("after", "bad failed")]
    assert result.failed
    assert list(result.files) == ["good.png"]
    run(made, keep_going=True)
    assert run.started() == ["bad"]


def test_stopping_keeps_what_is_finished(run: Runner) -> None:
    nodes = {**NODES, "slow": {"type": "slow"}, "all": {"type": "add", "of": ["$slow", "$top"]}}
    made = recipe(nodes, {"all.png": "$all"})
    seen = threading.Event()

    def stop_at_step(event: Event) -> None:
        run.events.append(event)
        if event.name == "node-progress":
            seen.set()
            run.session.stop.set()

    run.events = []
    result = run.session.run(made, out=run.folder / "out", listener=stop_at_step, metadata=False)
    assert seen.is_set()
    assert result.outcome.interrupted
    assert "all.png" not in result.files
    finished = {run.session.store.peek(keyed.key) is not None for keyed in result.prepared.plan.keys.values()}
    assert finished == {True, False}
    run(made)
    assert "slow" in run.started()
    assert "all" in run.started()


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("place", [-1, 9])
def test_a_flipped_bit_is_noticed_said_and_computed_again(run: Runner, name: str, place: int) -> None:
    wanted = {f"{node}.png": f"${node}" for node in NODES}
    first = run(recipe(NODES, wanted))
    pictures = {name: file.read_bytes() for name, file in first.files.items()}
    key = first.prepared.plan.keys[first.prepared.graph.named(name)[0]].key
    record = run.session.store.find(key)
    assert record is not None
    blob = Path(run.session.store.layout.blob(record.outputs["image"].digest))
    content = bytearray(blob.read_bytes())
    content[place] ^= 1
    blob.write_bytes(content)

    again = Runner(run.folder)
    again.folder = run.folder / "elsewhere"
    files = again(recipe(NODES, wanted)).files
    assert len(again.of(Warned)) == 1
    assert again.started() == [name]
    assert {name: file.read_bytes() for name, file in files.items()} == pictures


def test_forced_nodes_run_again(run: Runner) -> None:
    made = recipe(NODES, {"top.png": "$top"})
    run(made)
    run(made, Wishes(force=("sum",)))
    assert run.started() == ["sum"]
    run(made, Wishes(force=("sum+",)))
    assert run.started() == ["sum", "top"]
    run(made, Wishes(refresh=True))
    assert run.started() == ["one", "sum", "top", "two"]


def test_only_up_to_a_node(run: Runner) -> None:
    run(recipe(NODES, {"top.png": "$top"}), Wishes(to=("sum",)))
    assert run.started() == ["one", "sum", "two"]


class Chatty(Node, type="chatty", version=1):
    """A node that asks to stop, as Ctrl-C does, and never says how far it is."""

    outputs = {"image": "Image"}
    lane = "device"

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}

    def run(self, ctx: RunContext) -> Image:
        ctx.stop.set()  # type: ignore[attr-defined]  # the engine's own context
        return pixel(1)


def test_a_wish_to_stop_is_heard_between_nodes_that_say_nothing(run: Runner) -> None:
    run.session.registry = Registry((Make, Add, Chatty))
    chain: dict[str, Mapping[str, object]] = {"n0": {"type": "chatty"}}
    chain |= {f"n{i}": {"type": "add", "of": [f"$n{i - 1}"], "plus": 1} for i in range(1, 20)}
    result = run(recipe(chain, {"last.png": "$n19"}))
    assert result.outcome.interrupted
    assert run.started() == ["n0"]
    assert len(run.of(NodeSkipped)) == 19
    assert run(recipe(chain, {"first.png": "$n0"})).outcome.interrupted is False


def test_an_output_that_is_neither_kept_nor_needed_is_left_alone(run: Runner) -> None:
    outputs = {"sum.png": "$sum", "top.png": "$top"}
    made = recipe(NODES, outputs)
    first = run(made)
    run.session.store.delete(first.prepared.plan.keys[first.prepared.graph.named("sum")[0]].key)
    again = Runner(run.folder)
    again.folder = run.folder / "elsewhere"
    files = again(made, Wishes(to=("top",))).files
    assert list(files) == ["top.png"]
    assert again.started() == []


def test_what_was_forced_stays_forced_when_a_kept_value_turns_out_to_be_damaged(run: Runner) -> None:
    made = recipe(NODES, {"top.png": "$top"})
    first = run(made)
    record = run.session.store.find(first.prepared.plan.keys[first.prepared.graph.named("one")[0]].key)
    assert record is not None
    Path(run.session.store.layout.blob(record.outputs["image"].digest)).write_bytes(
        b"x" * record.outputs["image"].size
    )
    again = Runner(run.folder)
    again(made, Wishes(force=("sum+",)))
    assert again.started().count("top") == 1
    assert {"one", "sum", "top"} <= set(again.started())


def test_nodes_with_equal_keys_run_once(run: Runner) -> None:
    # The same number, written by two node types' worth of fields that do not differ once defaults are filled in,
    # is merged while building; here two nodes differ in what feeds them, which turns out to be equal.
    nodes: Mapping[str, Mapping[str, object]] = {
        "a": {"type": "quiet", "how": "first"},
        "b": {"type": "quiet", "how": "second"},
        "after-a": {"type": "add", "of": ["$a"]},
        "after-b": {"type": "add", "of": ["$b"]},
    }
    run.session.registry = Registry((Quiet, Add))
    result = run(recipe(nodes, {"a.png": "$after-a", "b.png": "$after-b"}))
    assert run.started() == ["a", "after-a"]
    assert sorted(result.files) == ["a.png", "b.png"]
    assert run.session.index.previous("test").keys() == {("", name) for name in nodes}


class Quiet(Node, type="quiet", version=1):
    """A node with a field that changes nothing."""

    outputs = {"image": "Image"}

    how: Annotated[str, NotInKey()] = ""

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}

    def run(self, ctx: RunContext) -> Image:
        return pixel(3)


def test_the_arithmetic_registry_is_what_the_tests_think() -> None:
    assert {node_type.name for node_type in ARITHMETIC} == {"make", "add"}
