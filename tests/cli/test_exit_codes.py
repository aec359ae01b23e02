"""0 done, 1 a node failed, 2 the user's mistake, 70 a bug, 130 interrupted."""

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import SUM, Sdflow

FAILING = SUM.replace("top: {type: add, of: [$sum], plus: 10}", "top: {type: fail, of: $sum}")


def test_done_is_0_and_prints_the_paths(sdflow: Sdflow, tmp_path: Path) -> None:
    answer = sdflow("run", "sum.yaml")
    assert (answer.code, answer.out) == (0, f"{tmp_path / 'out' / 'sum-1.png'}\n")
    assert (tmp_path / "out" / "sum-1.png").is_file()


def test_a_failed_node_is_1_and_is_said_with_its_line_and_what_to_do(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(FAILING)
    answer = sdflow("run", "bad.yaml")
    assert (answer.code, answer.out) == (1, "")
    assert "failed bad.yaml:10: top: it does not work\n       try another one\n" in answer.err


def test_mistakes_are_2_all_together_with_carets(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(SUM.replace("plus:", "plsu:").replace("[$one, $two]", "[$one, $tow]"))
    answer = sdflow("run", "bad.yaml")
    assert answer.code == 2
    assert (
        answer.err
        == """\
bad.yaml:9:31: SDF206 there is no node tow
    sum: {type: add, of: [$one, $tow]}
                                ^~~~
  hint: did you mean $two?
bad.yaml:10:32: SDF202 add has no field plsu
    top: {type: add, of: [$sum], plsu: 10}
                                 ^~~~
  hint: did you mean plus?
"""
    )
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "cache").exists()


def test_a_mistake_in_an_option_is_shown_in_the_option(sdflow: Sdflow) -> None:
    answer = sdflow("plan", "sum.yaml", "-p", "first=-1", "-s", "nodes.top.plus=many")
    assert answer.code == 2
    assert (
        answer.err
        == """\
command line:1:10: SDF133 `first` must be at least 0, not -1
  -p first=-1
           ^~
command line:2:19: SDF204 plus: takes a whole number, not 'many'
  -s nodes.top.plus=many
                    ^~~~
"""
    )


def test_a_wrong_option_is_2(sdflow: Sdflow) -> None:
    answer = sdflow("run", "sum.yaml", "--quite")
    assert answer.code == 2
    assert "--quiet" in answer.err


def test_a_recipe_in_a_folder_that_is_not_there(sdflow: Sdflow) -> None:
    answer = sdflow("run", "recipe/sum.yaml")
    assert answer.code == 2
    assert answer.err == "SDF100 recipe/sum.yaml: no such file\n  hint: there is no folder recipe\n"


def test_a_missing_recipe_is_2_with_the_nearest_file(sdflow: Sdflow) -> None:
    answer = sdflow("validate", "sun.yaml")
    assert (answer.code, answer.err) == (2, "SDF100 sun.yaml: no such file\n  hint: did you mean sum.yaml?\n")


def test_a_bug_is_70_and_shows_its_trace(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "bug.yaml").write_text(FAILING.replace("{type: fail,", "{type: fail, bug: true,"))
    answer = sdflow("run", "bug.yaml")
    assert answer.code == 70
    assert "failed bug.yaml:10: top: " in answer.err
    assert 'raise ZeroDivisionError("of my own making")\nZeroDivisionError: of my own making\n' in answer.err


def test_a_bug_outside_of_nodes_is_70_too(sdflow: Sdflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of our own making")

    monkeypatch.setattr("sdflow.workflow.Session.prepare_graph", broken)
    answer = sdflow("plan", "sum.yaml")
    assert answer.code == 70
    assert "ZeroDivisionError: of our own making\n\nThis is a bug in sdflow" in answer.err


def test_an_interrupt_is_130(sdflow: Sdflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sdflow.workflow.Session.prepare_graph", interrupted)
    assert sdflow("run", "sum.yaml").code == 130


def test_a_pipe_that_nobody_reads_is_no_error(sdflow: Sdflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("sdflow.cli.nodes.click.echo", closed)
    monkeypatch.setattr("sdflow.cli.main.os.dup2", lambda *_: None)
    assert sdflow("nodes").code == 0


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_prints_paths_alone_so_that_they_can_be_piped(
    sdflow: Sdflow, tmp_path: Path, option: str
) -> None:
    answer = sdflow("run", "sum.yaml", option)
    assert (answer.out, answer.err) == (f"{tmp_path / 'out' / 'sum-1.png'}\n", "")


def test_standard_input_is_a_recipe(sdflow: Sdflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdflow.composing.standard_input", lambda: SUM.replace("plus", "plsu").encode())
    answer = sdflow("validate", "-")
    assert answer.code == 2
    assert answer.err.startswith("standard input:10:32: SDF202 add has no field plsu\n    top: {type: add")


def picture_of(file: Path, record: dict[str, object]) -> Path:
    from sdflow.pictures.write import write
    from tests.graph.arithmetic import pixel

    write(pixel(0), file, texts={"sdflow": json.dumps({"sdflow": 1, **record})})
    return file


NO_PICTURE = {"pipe": "SDF342", "/dev/zero": "SDF342", "~nosuchuser/a.png": "SDF341", "a\0.png": "SDF341"}


@pytest.mark.parametrize(("name", "code"), NO_PICTURE.items())
def test_a_strangers_recipe_cannot_make_planning_wait_or_break(
    sdflow: Sdflow, tmp_path: Path, name: str, code: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    node = {"type": "measure", "path": name}
    recipe = {"sdflow": 1, "name": "evil", "nodes": {"a": node}, "outputs": {"a.png": "$a"}}
    (tmp_path / "evil.yaml").write_text(json.dumps(recipe))
    answer = sdflow("plan", "evil.yaml")
    assert (answer.code, answer.err.count(code)) == (2, 1)
    assert "evil.yaml:1:" in answer.err

    evil = picture_of(tmp_path / "evil.png", {"recipe": recipe, "inputs": {name: "sha256:0"}})
    answer = sdflow("plan", evil)
    assert (answer.code, answer.err.count(code)) == (2, 1)
    assert "evil.png was made from a file with sha256:0" in answer.err


def test_a_picture_whose_recipe_is_no_text_is_damaged(sdflow: Sdflow, tmp_path: Path) -> None:
    answer = sdflow("plan", picture_of(tmp_path / "evil.png", {"recipe": {"name": "\ud800"}}))
    assert (answer.code, "SDF352" in answer.err) == (2, True)


def test_a_picture_whose_input_is_another_one_now(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(b"other")
    made = picture_of(tmp_path / "made.png", {"recipe": {}, "inputs": {"in.png": "sha256:0"}})
    assert "SDF354" in sdflow("plan", made).err
