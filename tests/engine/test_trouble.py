"""What can go wrong while a plan is carried out: too little memory, Ctrl-C, a kill, many processes at once."""

import errno
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sdflow.engine.events import NodeFailed, Warned
from sdflow.graph.facts import Facts
from sdflow.graph.node import Node, RunContext
from sdflow.graph.registry import Registry
from sdflow.problems import UserError
from sdflow.store import Record, Store, StoreError
from sdflow.values import Image, ImageSpec
from tests.engine.test_execution import Runner
from tests.graph.arithmetic import Add, Make, pixel, recipe
from tests.nodes.workbench import Workbench, edited, text_to_image


class Greedy(Node, type="greedy", version=1):
    """A node that needs too much memory unless it is sparing."""

    outputs = {"image": "Image"}
    lane = "device"

    sparing: bool = False
    hopeless: bool = False

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}

    def frugal(self) -> "Greedy | None":
        return None if self.sparing else self.model_copy(update={"sparing": True})

    def run(self, ctx: RunContext) -> Image:
        import torch

        if not self.sparing or self.hopeless:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return pixel(5)


@pytest.fixture
def greedy(tmp_path: Path) -> Runner:
    runner = Runner(tmp_path)
    runner.session.registry = Registry((Greedy, Add))
    return runner


class Broken(Node, type="broken", version=1):
    """A node with a mistake in its program."""

    outputs = {"image": "Image"}

    def infer(self, facts: Facts) -> Mapping[str, ImageSpec]:
        return {"image": ImageSpec(1, 1, 1)}

    def run(self, ctx: RunContext) -> Image:
        raise ZeroDivisionError("division by zero")


def test_a_mistake_in_a_node_is_told_with_its_node_and_its_traceback(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.session.registry = Registry((Broken, Make))
    nodes: Mapping[str, Mapping[str, object]] = {"bad": {"type": "broken"}, "one": {"type": "make"}}
    result = runner(recipe(nodes, {"bad.png": "$bad", "one.png": "$one"}), keep_going=True)
    (failure,) = runner.of(NodeFailed)
    assert (failure.node, failure.message) == ("bad", "ZeroDivisionError: division by zero")
    assert "in run" in (failure.traceback or "")
    assert result.outcome.unexpected
    assert list(result.files) == ["one.png"]


def test_a_full_disk_ends_the_run_with_one_clear_error_and_a_usable_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(tmp_path)
    chain: dict[str, Mapping[str, object]] = {"n0": {"type": "make"}}
    chain |= {f"n{i}": {"type": "add", "of": [f"$n{i - 1}"], "plus": 1} for i in range(1, 50)}
    made = recipe(chain, {"last.png": "$n49"})
    save = Store.save
    saved: list[object] = []

    def full(*args: object, **kwargs: object) -> Record:
        if len(saved) >= 5:
            raise StoreError.of(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
        saved.append(args)
        return save(*args, **kwargs)  # type: ignore[arg-type]  # what the engine gave

    monkeypatch.setattr(Store, "save", full)
    with pytest.raises(UserError) as caught:
        runner(made)
    assert [problem.code for problem in caught.value.problems] == ["SDF501"]
    assert len(runner.started()) < 40, "nothing more is computed when nothing can be kept"
    monkeypatch.undo()
    assert Runner(tmp_path).session.store.verify().is_sound
    again = Runner(tmp_path)
    assert again(made).files["last.png"].exists()


NODES: Mapping[str, Mapping[str, object]] = {
    "big": {"type": "greedy"},
    "top": {"type": "add", "of": ["$big"]},
}


def test_out_of_memory_is_tried_again_with_less_and_kept_under_the_key_of_what_was_done(
    greedy: Runner,
) -> None:
    greedy(recipe(NODES, {"top.png": "$top"}))
    assert len(greedy.of(Warned)) == 1
    assert greedy.started() == ["big", "big", "top"]
    sparing = {**NODES, "big": {"type": "greedy", "sparing": True}}
    greedy(recipe(sparing, {"top.png": "$top"}))
    assert greedy.started() == [], "the sparing recipe is what was kept"
    result = greedy(recipe(NODES, {"top.png": "$top"}))
    assert greedy.started() == [], "and what did not fit once is not tried again"
    assert result.prepared.graph.nodes[0].sparing == {"sparing": True}


def test_out_of_memory_with_a_follower_that_was_kept(greedy: Runner) -> None:
    # big ──▶ kept ──▶ last      kept was computed before, when big still fitted, and big is gone since
    kept = {**NODES, "last": {"type": "add", "of": ["$top", "$big"]}}
    greedy(recipe(NODES, {"top.png": "$top"}))
    greedy(recipe(kept, {"last.png": "$last"}))
    assert greedy.started() == ["last"]
    assert not greedy.of(Warned)


def test_what_a_run_out_of_memory_made_can_be_had(greedy: Runner) -> None:
    result = greedy(recipe(NODES, {"top.png": "$top"}))
    made = result.prepared.plan
    key = made.keys[made.graph.names["", "big"]].key
    assert greedy.session.results.value(key, "image") is not None


def test_out_of_memory_twice_says_what_was_needed_and_what_to_try(greedy: Runner) -> None:
    hopeless = {**NODES, "big": {"type": "greedy", "hopeless": True}}
    result = greedy(recipe(hopeless, {"top.png": "$top"}))
    assert result.failed
    (failure,) = greedy.of(NodeFailed)
    assert failure.message.startswith("out of memory on cpu")
    assert "smaller" in (failure.hint or "")


@pytest.fixture
def slow_recipe(tiny: Path, tmp_path: Path) -> Path:
    nodes = edited(text_to_image(tiny), {"sample": {"steps": 400}, "noise": {"width": 64, "height": 64}})
    return Workbench(tmp_path).write(nodes, {"picture.png": "$image"})


def command(recipe_file: Path, folder: Path) -> list[str]:
    options = ["--cache", str(folder / "cache"), "-o", str(folder / "out"), "--device", "cpu", "--json"]
    return [sys.executable, "-m", "sdflow", "run", str(recipe_file), *options]


def started(process: "subprocess.Popen[str]") -> Iterator[dict[str, object]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def test_ctrl_c_stops_after_the_step_keeps_what_is_finished_and_exits_130(
    slow_recipe: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(command(slow_recipe, tmp_path), stdout=subprocess.PIPE, text=True) as process:
        events = []
        for event in started(process):
            events.append(event)
            if event["event"] == "node-progress" and event["done"] == 3:
                process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    done = [event["done"] for event in events if event["event"] == "node-progress"]
    assert len(done) < 300
    assert not (tmp_path / "out" / "picture.png").exists()
    bench = Workbench(tmp_path)
    plan = bench.session.prepare(bench.compose(slow_recipe)).plan
    assert {node.item.name: node.status for node in plan.nodes.values()} == {
        "model": "described",
        "text": "cached",
        "noise": "cached",
        "sample": "run",
        "image": "run",
    }


def test_a_killed_run_leaves_a_store_that_the_next_run_uses(slow_recipe: Path, tmp_path: Path) -> None:
    with subprocess.Popen(command(slow_recipe, tmp_path), stdout=subprocess.PIPE, text=True) as process:
        for event in started(process):
            if event["event"] == "node-progress":
                process.kill()
                break
    time.sleep(0.05)
    bench = Workbench(tmp_path)
    checked = bench.session.store.verify()
    assert checked.is_sound
    short = slow_recipe.read_text().replace("steps: 400", "steps: 2")
    slow_recipe.write_text(short)
    bench.session.run(bench.compose(slow_recipe), out=tmp_path / "out", listener=bench.events.append)
    assert bench.ran() == {"sample", "image"}


def test_eight_processes_on_one_store_make_equal_bytes(tiny: Path, tmp_path: Path) -> None:
    nodes = edited(text_to_image(tiny), {"sample": {"steps": 4}})
    file = Workbench(tmp_path).write(nodes, {"picture.png": "$image"})
    processes = []
    for number in range(8):
        arguments = [*command(file, tmp_path)]
        arguments[arguments.index("-o") + 1] = str(tmp_path / f"out{number}")
        processes.append(
            subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, errors
    pictures = {(tmp_path / f"out{number}" / "picture.png").read_bytes() for number in range(8)}
    assert len(pictures) == 1
