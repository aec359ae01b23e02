"""Names of input files come from strangers: whatever they say, sdflow neither waits nor breaks."""

import os
import socket
from pathlib import Path

import pytest

from sdflow.pictures.input_path import input_path, require_file
from sdflow.pictures.read import facts_of, read
from sdflow.problems import Problem, UserError


def refusal(call: object, *arguments: object) -> Problem:
    assert callable(call)
    with pytest.raises(UserError) as caught:
        call(*arguments)
    (problem,) = caught.value.problems
    return problem


def test_a_path_starts_from_the_recipe_or_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert input_path(tmp_path, "a/b.png") == tmp_path / "a" / "b.png"
    assert input_path(tmp_path, "~/b.png") == tmp_path / "home" / "b.png"
    assert input_path(tmp_path, "/b.png") == Path("/b.png")


@pytest.mark.parametrize("name", ["~nosuchuser/a.png", "a\0.png", "a\ud800.png"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    assert refusal(input_path, tmp_path, name).code == "SDF341"


def test_a_name_that_begins_with_a_tilde_is_told_how_to_be_written(tmp_path: Path) -> None:
    assert refusal(input_path, tmp_path, "~nosuchuser").hint == (
        "write ./~nosuchuser for a file whose name begins with ~"
    )
    assert input_path(tmp_path, "./~nosuchuser") == tmp_path / "~nosuchuser"


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
    found = {
        name: refusal(require_file, tmp_path / name).code
        for name in ("pipe", "folder", "circle", "socket", "nothing", "nothing/at/all")
    }
    assert found == {
        "pipe": "SDF342",
        "folder": "SDF341",
        "circle": "SDF346",
        "socket": "SDF342",
        "nothing": "SDF341",
        "nothing/at/all": "SDF341",
    }
    assert refusal(require_file, Path("/dev/zero")).message == "/dev/zero is a device, not a picture"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert refusal(facts_of, tmp_path / "a.png") == refusal(read, tmp_path / "a.png")
