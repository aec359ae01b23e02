"""`sdflow migrate` as a person meets it, with a version 2 that does not exist."""

import stat
from pathlib import Path

import pytest

from sdflow.composing import recipe_file
from tests.cli.conftest import Sdflow
from tests.recipe.test_migration import OLD, TO_2


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    """An sdflow of format version 2."""
    monkeypatch.setattr("sdflow.recipe.versions.STEPS", (TO_2,))
    monkeypatch.setattr("sdflow.recipe.sections.FORMAT_VERSION", 2)


def test_with_one_version_everything_is_current(sdflow: Sdflow) -> None:
    answer = sdflow("migrate", "sum.yaml")
    assert (answer.code, answer.out) == (0, "sum.yaml: current, version 1\n")
    assert sdflow("migrate", "--check", "sum.yaml").code == 0


@pytest.mark.usefixtures("second")
def test_the_command_line(sdflow: Sdflow, tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_bytes(OLD.encode())
    old.chmod(0o640)
    (tmp_path / "link.yaml").symlink_to(old)
    assert (
        sdflow("migrate", "old.yaml", "--check").out
        == "old.yaml: version 1 and not 2: value is called number\n"
    )
    assert sdflow("migrate", "old.yaml", "--check").code == 1
    diff = sdflow("migrate", "old.yaml", "--diff")
    assert (diff.code, "+  one: {type: make,   number: 3}   # three\n" in diff.out) == (0, True)
    assert old.read_bytes() == OLD.encode()
    assert sdflow("migrate", "link.yaml").out == "link.yaml: version 1 → 2: value is called number\n"
    assert "number: 3" in old.read_text()
    assert (tmp_path / "link.yaml").is_symlink()
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert sdflow("migrate", "old.yaml").out == "old.yaml: current, version 2\n"


@pytest.mark.usefixtures("second")
def test_nothing_is_written_when_one_of_them_fails(
    sdflow: Sdflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, bad = tmp_path / "old.yaml", tmp_path / "bad.yaml"
    old.write_text(OLD)
    bad.write_text("sdflow: 9\n")
    answer = sdflow("migrate", "old.yaml", "bad.yaml", "gone.yaml", "-")
    assert answer.code == 2
    assert {"SDF116", "SDF100", "SDF787"} <= set(answer.err.replace(":", " ").split())
    assert old.read_text() == OLD
    bad.write_text(OLD)
    written = Path.write_bytes

    def refusing(path: Path, content: bytes) -> int:
        if ".bad.yaml" in path.name:
            raise OSError(28, "No space left on device")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", refusing)
    assert "SDF726" in sdflow("migrate", "old.yaml", "bad.yaml").err
    assert (old.read_text(), bad.read_text()) == (OLD, OLD)
    assert {path.name for path in tmp_path.glob(".*.tmp")} == set()


@pytest.mark.usefixtures("second")
def test_a_picture_of_an_older_version_is_read_as_it_is(
    sdflow: Sdflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdflow.recipe.versions.STEPS", ())
    monkeypatch.setattr("sdflow.recipe.sections.FORMAT_VERSION", 1)
    assert sdflow("run", "sum.yaml", "-q", "-o", ".").code == 0
    monkeypatch.setattr("sdflow.recipe.versions.STEPS", (TO_2,))
    monkeypatch.setattr("sdflow.recipe.sections.FORMAT_VERSION", 2)
    read = recipe_file(tmp_path / "sum-1.png").recipe
    assert (read.sdflow, read.nodes["one"]) == (2, {"type": "make", "number": "$params.first"})
