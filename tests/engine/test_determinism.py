"""`--check-determinism`: each node twice, what differs is told and counted, and both results are noted.

one ──▶ luck ──▶ top        `luck` gives another number each time
"""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from sdflow.cli.main import run as command_line
from sdflow.composing import compose_file
from sdflow.composition import Composition
from sdflow.engine.events import Event, NodeDiffers, NodeProgress, NodeStarted, RunFinished, Warned
from sdflow.engine.repeating import Deviation, compared
from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.registry import Registry
from sdflow.graph.wire import Input
from sdflow.recipe import Changes
from sdflow.values import Image, ImageSpec
from sdflow.wishes import Wishes
from sdflow.workflow import RunResult, Session, Settings
from tests.graph.arithmetic import Add, Make, pixel

TIMES = count(1)


class Luck(Node, type="luck", version=1):
    """Another number each time."""

    outputs = {"image": "Image"}

    of: Input[Image]
    steady: bool = False

    def infer(self, facts: Facts, of: ImageSpec) -> Mapping[str, ImageSpec]:
        return {"image": of}

    def run(self, ctx: RunContext, of: Image) -> Image:
        return pixel(7 if self.steady else next(TIMES))


REGISTRY = Registry((Make, Add, Luck))
RECIPE = """\
sdflow: 1
nodes:
  one: {type: make}
  luck: {type: luck, of: $one}
  top: {type: add, of: [$luck]}
outputs: {top.png: $top}
"""


class Runner:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "luck.yaml").write_text(RECIPE)
        self.session = Session(Settings(device="cpu", cache=folder / "cache"), REGISTRY)
        self.events: list[Event] = []

    def composition(self, *fields: str) -> Composition:
        return compose_file(self.folder / "luck.yaml", Changes(fields=fields), REGISTRY)

    def __call__(self, *fields: str, twice: bool = True) -> RunResult:
        self.events = []
        return self.session.run(
            self.composition(*fields), Wishes(twice=twice), out=self.folder, listener=self.events.append
        )

    @property
    def differing(self) -> list[tuple[str, bool]]:
        return [(it.node, it.kept) for it in self.events if isinstance(it, NodeDiffers)]

    def also(self, node: str) -> int:
        prepared = self.session.prepare(self.composition())
        record = self.session.store.peek(prepared.plan.keys[prepared.graph.named(node)[0]].key)
        assert record is not None
        return len(record.also)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def finished(runner: Runner) -> RunFinished:
    (event,) = [it for it in runner.events if isinstance(it, RunFinished)]
    return event


def test_what_gives_two_results_is_told_and_what_follows_from_it_is_not(runner: Runner) -> None:
    result = runner()
    assert runner.differing == [("luck", False)], "top is fed the same both times"
    assert finished(runner).differing == 1
    assert len(result.outcome.differing) == 1
    assert not result.failed
    assert (runner.folder / "top.png").is_file()


def test_what_always_gives_the_same_is_said_to(runner: Runner) -> None:
    runner("nodes.luck.steady=true")
    assert (runner.differing, finished(runner).differing) == ([], 0)


def test_both_results_are_noted_under_the_key_each_once(runner: Runner) -> None:
    runner()
    assert (runner.also("luck"), runner.also("top")) == (1, 0)
    runner()
    assert runner.also("luck") == 3


def test_everything_runs_again_and_is_compared_with_what_was_kept(runner: Runner) -> None:
    runner(twice=False)
    assert finished(runner).differing is None
    runner()
    assert [it.node for it in runner.events if isinstance(it, NodeStarted)] == ["one", "luck", "top"]
    assert runner.differing == [("luck", False), ("luck", True)], "top got other bits than then"


def test_what_was_made_elsewhere_is_a_warning_and_no_difference(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner("nodes.luck.steady=true", twice=False)
    monkeypatch.setattr("sdflow.running.environment", lambda _: {"device": "another"})
    monkeypatch.setattr(Luck, "run", lambda *_, **__: pixel(8))
    runner("nodes.luck.steady=true")
    assert runner.differing == []
    assert any("made with other versions" in it.message for it in runner.events if isinstance(it, Warned))


def test_how_far_apart_two_results_are() -> None:
    one = Image(np.zeros((1, 2, 2, 3), np.uint8))
    other = Image(one.pixels.copy())
    other.pixels[0, 0, 0, :2] = (3, 1)
    assert compared({"image": one}, {"image": one}).deviations == ()
    assert compared({"image": one}, {"image": other}).deviations == (Deviation("image", 2, 12, 3.0),)
    assert str(Deviation("image", 2, 12, 3.0)) == "image: 2 of 12 numbers, by at most 3"
    larger = Image(np.zeros((1, 2, 3, 3), np.uint8))
    assert compared({"image": one}, {"image": larger}).deviations == (Deviation("image"),)


def test_the_command_line_ends_with_1_and_says_which(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(runner.folder)
    monkeypatch.setenv("SDFLOW_CACHE", str(runner.folder / "cache"))
    monkeypatch.setattr("sdflow.workflow.default_registry", lambda: REGISTRY)
    assert command_line(["run", "luck.yaml", "--check-determinism"]) == 1
    said = capfd.readouterr().err
    assert "differs luck: other bits than its second time (image: 3 of 3 numbers, by at most 1)" in said
    assert "3 ran twice (1 gave other bits)" in said
    assert command_line(["cache", "ls"]) == 0
    head, *rows = capfd.readouterr().out.splitlines()
    assert head.endswith("other results")
    assert [row.split()[1] for row in rows if row.rstrip().endswith(" 1")] == ["luck"]
    command_line(["cache", "ls", "--json"])
    assert {it["type"]: len(it["also"]) for it in json.loads(capfd.readouterr().out)} == {
        "make": 0,
        "luck": 1,
        "add": 0,
    }
    assert command_line(["run", "luck.yaml", "--check-determinism", "-s", "nodes.luck.steady=true"]) == 0
    assert "3 ran twice (the same bits)" in capfd.readouterr().err


def test_a_denoise_goes_all_the_way_a_second_time(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(TOY)
    session = Session(Settings(device="cpu", cache=tmp_path / "cache", save_every=0))
    steps: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, NodeProgress) and event.node == "sample":
            steps.append(event.done)

    composition = compose_file(tmp_path / "toy.yaml", Changes(), session.registry)
    result = session.run(composition, Wishes(twice=True), listener=listen)
    assert result.outcome.differing == []
    assert steps == [1, 2, 1, 2]


TOY = """\
sdflow: 1
nodes:
  model: {type: load-model, source: "builtin:toybox"}
  text: {type: encode-prompt, model: $model, prompt: a red cube}
  noise: {type: init-latent, model: $model, width: 32, height: 32}
  sample: {type: denoise, model: $model, conditioning: $text, latent: $noise, steps: 2}
outputs: {toy.safetensors: $sample}
"""
