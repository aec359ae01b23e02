"""`run --watch`: a save starts a run, half a save does not, and Ctrl-C ends it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sdflow.cli.watch import State, input_files, state_of, wait_for_save, watch
from sdflow.graph.build import build
from sdflow.problems import problem
from tests.cli.conftest import REGISTRY, Sdflow
from tests.graph.arithmetic import recipe


class Clock:
    """A sleep that does the next thing of a script each time it is called, then Ctrl-C."""

    def __init__(self, *script: Callable[[], object]) -> None:
        self.script = list(script)
        self.slept = 0.0

    def __call__(self, seconds: float) -> None:
        self.slept += seconds
        if not self.script:
            raise KeyboardInterrupt
        self.script.pop(0)()


def nothing() -> None:
    """A moment in which nothing happens."""


def test_it_runs_again_after_each_save_and_ends_with_130(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    seen: list[str] = []

    def once() -> int:
        seen.append(file.read_text())
        return 0

    clock = Clock(
        nothing, lambda: file.write_text("22"), nothing, nothing, lambda: file.write_text("333"), nothing
    )
    assert watch(once, lambda: [file], sleep=clock) == 130
    assert seen == ["1", "22", "333"]


def test_from_the_save_to_the_run_it_takes_at_most_a_tenth_of_a_second(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    before: State = {file: (0, 1, 0)}
    clock = Clock(nothing, nothing)
    wait_for_save(before, clock)
    assert clock.slept <= 0.1


def test_a_file_that_is_being_written_or_replaced_is_left_alone(tmp_path: Path) -> None:
    file, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    file.write_text("whole")
    seen: list[str] = []
    clock = Clock(
        lambda: file.write_text(""),
        nothing,
        lambda: file.write_text("ha"),
        lambda: file.write_text("half"),
        file.unlink,
        nothing,
        lambda: (other.write_text("new"), other.replace(file)),
        nothing,
    )

    def once() -> int:
        seen.append(file.read_text())
        return 0

    watch(once, lambda: [file], sleep=clock)
    assert seen == ["whole", "new"]


def test_a_mistake_is_said_and_waits_for_the_next_save(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    runs: list[int] = []

    def once() -> int:
        runs.append(1)
        raise problem("SDF102", "nothing in it")

    assert watch(once, lambda: [file], sleep=Clock(lambda: file.write_text("22"), nothing, nothing)) == 130
    assert len(runs) == 2
    assert capsys.readouterr().err.count("SDF102 nothing in it") == 2


def test_what_is_saved_during_a_run_runs_next(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    seen: list[str] = []

    def once() -> int:
        seen.append(file.read_text())
        if len(seen) == 1:
            file.write_text("22")
        return 0

    watch(once, lambda: [file], sleep=Clock(nothing))
    assert seen == ["1", "22"]


def test_files_that_the_recipe_names_only_now_are_watched_from_now_on(tmp_path: Path) -> None:
    recipe, picture = tmp_path / "a.yaml", tmp_path / "a.png"
    recipe.write_text("1")
    picture.write_text("1")
    files = [recipe]
    runs: list[int] = []

    def once() -> int:
        runs.append(1)
        files[:] = [recipe, picture]
        return 0

    watch(once, lambda: files, sleep=Clock(lambda: picture.write_text("22"), nothing, nothing))
    assert len(runs) == 2


def test_ctrl_c_during_a_run_stops_the_run_and_waits(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    codes = iter([130, 0])
    seen: list[int] = []

    def once() -> int:
        seen.append(next(codes))
        return seen[-1]

    watch(once, lambda: [file], sleep=Clock(lambda: file.write_text("22"), nothing, nothing))
    assert seen == [130, 0]


def test_a_recipe_and_the_picture_that_it_reads(
    sdflow: Sdflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    def draw(width: int) -> None:
        Image.new("RGB", (width, 2)).save(tmp_path / "in.png")

    recipe = tmp_path / "watched.yaml"
    text = "sdflow: 1\nnodes:\n  it: {type: measure, path: in.png}\noutputs: {it.png: $it}\n"
    recipe.write_text(text)
    draw(3)
    clock = Clock(
        lambda: draw(4), nothing, lambda: recipe.write_text(text.replace("measure", "measures")), nothing,
        lambda: recipe.write_text(text + "# right\n"), nothing,
    )  # fmt: skip
    monkeypatch.setattr("time.sleep", clock)
    monkeypatch.setattr("sdflow.cli.watch.watch.__kwdefaults__", {"sleep": clock})
    answer = sdflow("run", "watched.yaml", "--watch")
    assert answer.code == 130
    assert answer.out.count("it.png") == 3
    assert answer.err.count("watching; Ctrl-C ends") == 4
    assert "SDF201 there is no node type measures" in answer.err
    assert "it: file of path changed" in answer.err


def test_standard_input_cannot_be_watched(sdflow: Sdflow) -> None:
    answer = sdflow("run", "-", "--watch")
    assert (answer.code, answer.err.split()[0]) == (2, "SDF728")


def test_files_that_cannot_be_are_left_to_planning_and_links_are_not_followed(tmp_path: Path) -> None:
    names = ["a.png", "~nosuchuser/a.png", "a\0.png", "link.png"]
    (tmp_path / "link.png").symlink_to("a.png")
    nodes = {f"n{i}": {"type": "measure", "path": name} for i, name in enumerate(names)}
    graph = build(recipe(nodes, {"a.png": "$n0"}), REGISTRY)
    assert input_files(graph, tmp_path) == [tmp_path / "a.png", tmp_path / "link.png"]
    assert state_of([tmp_path / "a.png"]) == {tmp_path / "a.png": None}
