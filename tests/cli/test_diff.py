"""`sdflow diff` as a person meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sdflow.cli.main import sdflow as command_line
from tests.cli.conftest import SUM, Sdflow


@pytest.fixture
def repository(sdflow: Sdflow, tmp_path: Path) -> Path:
    """The folder of `sdflow`, as a repository with one commit."""
    (tmp_path / ".gitignore").write_text("cache/\nout/\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "a recipe")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_nothing_changed(sdflow: Sdflow, repository: Path) -> None:
    answer = sdflow("diff")
    assert (answer.code, answer.out) == (0, "HEAD and working tree: the recipes say and give the same\n")


def test_a_changed_field(sdflow: Sdflow, repository: Path) -> None:
    sdflow("run", "sum.yaml")
    (repository / "sum.yaml").write_text(SUM.replace("plus: 10", "plus: 20"))
    answer = sdflow("diff")
    lines = answer.out.splitlines()
    assert lines[:2] == ["sum.yaml  HEAD → working tree", "  ~ top  add  plus 10 → 20"]
    assert lines[2].startswith("  1 node runs, about ")
    assert lines[3].split()[:2] == ["top", "add"]
    assert "stays: one, two, sum" in answer.out
    assert sdflow("diff", "--exit-code").code == 1
    assert sdflow("diff", "HEAD", "HEAD", "--exit-code").code == 0


def test_json_and_markdown(sdflow: Sdflow, repository: Path) -> None:
    (repository / "sum.yaml").write_text(SUM.replace("plus: 10", "plus: 20"))
    (it,) = json.loads(sdflow("diff", "--json").out)["recipes"]
    assert it["nodes"][0]["fields"] == [{"field": "plus", "before": 10, "after": 20}]
    assert [run["node"] for run in it["runs"]] == ["top"]  # as if the last commit had just been run
    text = sdflow("diff", "--markdown", "--no-store").out
    assert "### sum.yaml" in text
    assert "| `top` | add | plus 10 → 20 |" in text
    assert "**1 node runs" in text


def test_two_files_outside_a_repository(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(SUM.replace("plus: 10", "plus: 20"))
    assert "plus 10 → 20" in sdflow("diff", "sum.yaml", "other.yaml").out
    answer = sdflow("diff")
    assert answer.code == 2
    assert "SDF740" in answer.err


def test_a_new_recipe_and_one_that_is_gone(sdflow: Sdflow, repository: Path) -> None:
    (repository / "new.yaml").write_text(SUM)
    (repository / "sum.yaml").unlink()
    out = sdflow("diff").out
    assert "new.yaml (new)" in out
    assert "sum.yaml (removed)" in out


def test_a_mistake_is_shown_with_its_place_and_nothing_is_a_traceback(
    sdflow: Sdflow, repository: Path
) -> None:
    (repository / "sum.yaml").write_text(SUM.replace("plus: 10", "plus: much"))
    answer = sdflow("diff")
    assert answer.code == 2
    assert "sum.yaml:" in answer.err
    assert "plus: much" in answer.err
    assert "Traceback" not in answer.err


def test_pictures_side_by_side(sdflow: Sdflow, repository: Path) -> None:
    from PIL import Image

    sdflow("run", "sum.yaml")
    (repository / "sum.yaml").write_text(SUM.replace("plus: 10", "plus: 20"))
    assert "sheets" not in sdflow("diff", "--pictures", "sheets").out  # the new one is not made yet
    sdflow("run", "sum.yaml")
    written = sdflow("diff", "--pictures", "sheets").out.splitlines()[-1]
    with Image.open(repository / written) as sheet:
        assert sheet.width > 3


def test_installing_into_git_asks_first(sdflow: Sdflow, repository: Path) -> None:
    refused = CliRunner().invoke(command_line, ["diff", "--install-git"], input="n\n", obj={})
    assert "Write this?" in refused.output
    assert not (repository / ".gitattributes").exists()
    assert sdflow("diff", "--install-git", "--yes").code == 0
    assert sdflow("diff", "--install-git", "--yes").code == 0
    assert (repository / ".gitattributes").read_text() == "*.yaml diff=sdflow\n*.yml diff=sdflow\n"
    assert git(repository, "config", "diff.sdflow.command") == "sdflow diff --driver\n"


def test_git_diff_says_it(sdflow: Sdflow, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sdflow("diff", "--install-git", "--yes")
    git(repository, "config", "diff.sdflow.command", f"{sys.executable} -m sdflow diff --driver")
    plain = "sdflow: 1\nname: copy\nnodes:\n  file: {type: load-image, path: a.png}\noutputs: {a-copy.png: $file}\n"
    from PIL import Image

    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8), "red").save(repository / name)
    (repository / "copy.yaml").write_text(plain)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "one more")
    (repository / "copy.yaml").write_text(plain.replace("path: a.png", "path: b.png"))
    monkeypatch.setenv(
        "PYTHONPATH", str(Path(__file__).parents[2]) + os.pathsep + os.environ.get("PYTHONPATH", "")
    )
    assert "path a.png → b.png" in git(repository, "diff", "copy.yaml")
    (repository / "other.yaml").write_text("a: 1\n")
    git(repository, "add", "-A")
    assert "+a: 1" in git(repository, "diff", "--cached", "other.yaml")
    (repository / "copy.yaml").write_text(plain.replace("load-image", "lode-image"))
    assert "lode-image" in git(repository, "diff", "copy.yaml")
