"""`sdflow lock`, `run --locked` and `sdflow fetch` as a person meets them."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sdflow.models.hub_place import HubPlace
from tests.cli.conftest import Sdflow
from tests.cli.test_diff import git
from tests.models.hub import COMMIT, Hub, Repo, offline, running_hub

MEASURE = """\
sdflow: 1
nodes:
  size: {type: measure, path: picture.png}
  more: {type: add, of: [$size], plus: 1}
outputs: {"{name}.png": $more}
"""
MODEL = """\
sdflow: 1
name: picture
nodes:
  model: {type: load-model, source: MODEL}
  noise: {type: init-latent, model: $model, width: 64, height: 64}
  image: {type: decode, model: $model, latent: $noise}
outputs: {"{name}.png": $image}
"""


@pytest.fixture
def measured(sdflow: Sdflow, tmp_path: Path) -> Path:
    """A recipe that reads a picture."""
    Pillow.new("RGB", (4, 4)).save(tmp_path / "picture.png")
    (tmp_path / "measure.yaml").write_text(MEASURE)
    return tmp_path


@pytest.fixture
def hub(tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on localhost with one model."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with running_hub(tmp_path) as hub:
        hub.repos["someone/tiny"] = Repo.of_folder(tiny)
        monkeypatch.setattr(HubPlace, "of_environment", lambda *_, **__: hub.place)
        yield hub


def test_twice_gives_the_same_bytes_and_check_tells(sdflow: Sdflow, measured: Path) -> None:
    assert sdflow("lock", "measure.yaml", "--check").code == 1
    assert not (measured / "measure.lock").exists()
    assert sdflow("lock", "measure.yaml").code == 0
    first = (measured / "measure.lock").read_bytes()
    digest = hashlib.sha256((measured / "picture.png").read_bytes()).hexdigest()
    assert f"picture.png: sha256:{digest}".encode() in first
    assert sdflow("lock", "measure.yaml").code == sdflow("lock", "measure.yaml", "--check").code == 0
    assert (measured / "measure.lock").read_bytes() == first


def test_all_recipes_of_a_folder(sdflow: Sdflow, measured: Path) -> None:
    (measured / "not-a-recipe.yaml").write_text("a: 1\n")
    assert sdflow("lock").code == 0
    assert {path.name for path in measured.glob("*.lock")} == {"measure.lock", "sum.lock"}


def test_a_changed_byte_of_an_input_stops_a_run_with_both_digests(sdflow: Sdflow, measured: Path) -> None:
    sdflow("lock", "measure.yaml")
    before = hashlib.sha256((measured / "picture.png").read_bytes()).hexdigest()
    Pillow.new("RGB", (4, 4), "red").save(measured / "picture.png")
    after = hashlib.sha256((measured / "picture.png").read_bytes()).hexdigest()
    for arguments in (("run", "measure.yaml"), ("run", "measure.yaml", "--locked")):
        answer = sdflow(*arguments)
        assert answer.code == 2
        assert "SDF753" in answer.err
        assert before in answer.err
        assert after in answer.err
        assert "measure.yaml:3:" in answer.err
    assert sdflow("lock", "measure.yaml").code == 0
    assert sdflow("run", "measure.yaml", "--locked").code == 0


def test_what_is_not_covered_is_refused_when_locked(sdflow: Sdflow, measured: Path) -> None:
    assert "SDF750" in sdflow("run", "measure.yaml", "--locked").err
    sdflow("lock", "measure.yaml")
    Pillow.new("RGB", (5, 5)).save(measured / "other.png")
    other = ("measure.yaml", "-s", "nodes.size.path=other.png")
    assert sdflow("run", *other).code == 0
    answer = sdflow("run", *other, "--locked")
    assert answer.code == 2
    assert "SDF754 measure.lock does not cover other.png" in answer.err


def test_another_node_version_is_refused_when_locked(sdflow: Sdflow, measured: Path) -> None:
    sdflow("lock", "measure.yaml")
    lock = measured / "measure.lock"
    lock.write_text(lock.read_text().replace("add: 1", "add: 2"))
    assert sdflow("run", "measure.yaml").code == 0
    assert "SDF755 add is version 1, and 2 in measure.lock" in sdflow("run", "measure.yaml", "--locked").err


@pytest.mark.parametrize("role", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_a_changed_byte_of_any_model_file_is_refused(
    sdflow: Sdflow, tiny: Path, tmp_path: Path, role: str
) -> None:
    shutil.copytree(tiny, tmp_path / "model")
    (tmp_path / "r.yaml").write_text(MODEL.replace("MODEL", "./model"))
    assert sdflow("lock", "r.yaml").code == 0
    assert sdflow("plan", "r.yaml", "--locked").code == 0
    files = sorted((tmp_path / "model" / role).glob("*"), key=lambda path: path.stat().st_size)
    changed = files[-1]
    content = bytearray(changed.read_bytes())
    if role == "tokenizer":
        content += b"\n"
    elif changed.suffix == ".json":
        content = bytearray(content.replace(b"0.00085", b"0.00086"))
    else:
        content[-1] ^= 1
    changed.write_bytes(bytes(content))
    answer = sdflow("plan", "r.yaml", "--locked")
    assert answer.code == 2
    assert f"SDF753 {role}/" in answer.err


def test_a_branch_that_moves_is_not_followed_until_it_is_upgraded(
    sdflow: Sdflow, hub: Hub, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.yaml").write_text(MODEL.replace("MODEL", "someone/tiny"))
    assert sdflow("lock", "r.yaml").code == 0
    first = (tmp_path / "r.lock").read_text()
    assert f"revision: {COMMIT}" in first or f'revision: "{COMMIT}"' in first
    assert "downloaded" in sdflow("fetch", "r.yaml", "--locked").out
    assert sdflow("fetch", "r.yaml", "--locked").out == "everything is here\n"
    from sdflow.models.tiny import write_tiny

    moved = "f" * 40
    hub.repos["someone/tiny"] = Repo.of_folder(write_tiny(tmp_path / "moved", seed=5))
    hub.repos["someone/tiny"].commit = moved
    main = next((tmp_path / "hf").rglob("refs/main"), None)
    if main is not None:
        main.write_text(moved)
    assert sdflow("lock", "r.yaml").code == 0
    assert (tmp_path / "r.lock").read_text() == first
    # Fetched before: a locked run needs no network.
    monkeypatch.setattr(HubPlace, "of_environment", lambda *_, **__: offline(hub.place))
    assert sdflow("run", "r.yaml", "--locked").code == 0
    monkeypatch.setattr(HubPlace, "of_environment", lambda *_, **__: hub.place)
    assert sdflow("lock", "r.yaml", "--upgrade", "modle").err.count("did you mean model?") == 1
    assert sdflow("lock", "r.yaml", "--upgrade", "model").code == 0
    assert moved in (tmp_path / "r.lock").read_text()


def test_a_hub_that_has_other_bytes_under_the_pinned_commit_is_refused_with_both_digests(
    sdflow: Sdflow, hub: Hub, tiny: Path, tmp_path: Path
) -> None:
    """As a rewritten repository has; seen from a machine that has asked it nothing yet."""
    from sdflow.models.tiny import write_tiny

    (tmp_path / "r.yaml").write_text(MODEL.replace("MODEL", "someone/tiny"))
    assert sdflow("lock", "r.yaml").code == 0
    assert sdflow("plan", "r.yaml", "--locked").code == 0
    before = hub.repos["someone/tiny"]
    hub.repos["someone/tiny"] = Repo.of_folder(write_tiny(tmp_path / "rewritten", seed=5))
    assert hub.repos["someone/tiny"].commit == before.commit
    shutil.rmtree(hub.place.listings)
    answer = sdflow("plan", "r.yaml", "--locked")
    assert answer.code == 2
    said = re.findall(r"SDF753 unet/.* (sha256:[0-9a-f]{64}) now, (sha256:[0-9a-f]{64}) there", answer.err)
    assert len(said) == 1
    assert said[0][0] != said[0][1]
    assert said[0][1] in (tmp_path / "r.lock").read_text()


def test_two_branches_that_each_add_a_node_merge(
    sdflow: Sdflow, measured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pillow.new("RGB", (6, 6)).save(measured / "left.png")
    Pillow.new("RGB", (7, 7)).save(measured / "right.png")
    sdflow("lock", "measure.yaml")
    git(measured, "init", "-q", "-b", "main")
    assert sdflow("lock", "--install-git", "--yes").code == 0
    assert "*.lock merge=sdflow-lock" in (measured / ".gitattributes").read_text()
    git(measured, "config", "merge.sdflow-lock.driver", f"{sys.executable} -m sdflow lock --driver %O %A %B")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    git(measured, "add", "measure.yaml", "measure.lock", ".gitattributes")
    git(measured, "commit", "-q", "-m", "start")
    places = {
        "left": "  left: {type: measure, path: left.png}\n",
        "right": "  right: {type: measure, path: right.png}\n",
    }
    for name, node in places.items():
        git(measured, "checkout", "-q", "-b", name, "main")
        head = "nodes:\n" if name == "left" else "outputs:"
        text = MEASURE.replace(head, f"{head}{node}" if name == "left" else f"{node}{head}")
        (measured / "measure.yaml").write_text(text)
        assert sdflow("lock", "measure.yaml").code == 0
        git(measured, "commit", "-q", "-a", "-m", name)
    git(measured, "merge", "-q", "-m", "both", "left")
    assert sdflow("lock", "measure.yaml", "--check").code == 0
    text = (measured / "measure.lock").read_text()
    assert "left.png" in text
    assert "right.png" in text


def test_a_real_conflict_is_one(sdflow: Sdflow, measured: Path) -> None:
    for name, colour in (("base", "red"), ("ours", "green"), ("theirs", "blue")):
        Pillow.new("RGB", (4, 4), colour).save(measured / "picture.png")
        sdflow("lock", "measure.yaml")
        (measured / "measure.lock").rename(measured / name)
    answer = sdflow("lock", "--driver", "base", "ours", "theirs")
    assert answer.code == 1
    assert "both sides changed picture.png" in answer.err
    assert subprocess.run(["cat", measured / "ours"], check=True, capture_output=True).stdout
