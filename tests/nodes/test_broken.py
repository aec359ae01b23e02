"""Broken recipes of real nodes: all mistakes together and in their places, exit code 2, nothing written."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from sdflow.cli.main import run
from sdflow.composing import compose_file
from sdflow.problems import Problem, UserError
from sdflow.recipe import Changes
from sdflow.workflow import Session, Settings
from tests.recipe.expectations import expected_in, found_in

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(Settings(device="cpu", cache=tmp_path_factory.mktemp("broken") / "cache"))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_all_mistakes_are_found_in_their_places(path: Path, session: Session) -> None:
    def problems_of(recipe: Path) -> Sequence[Problem]:
        try:
            session.prepare(compose_file(recipe, Changes(), session.registry))
        except UserError as error:
            return error.problems
        return ()

    assert expected_in(path), "the file says nothing about what is wrong with it"
    assert found_in(path, problems_of) == expected_in(path)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_run_ends_with_exit_code_2_and_writes_nothing(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cache, out = tmp_path / "cache", tmp_path / "out"
    assert run(["run", str(path), "--cache", str(cache), "-o", str(out), "--device", "cpu"]) == 2
    assert not out.exists()
    assert not [file for file in cache.rglob("*") if "records" in file.parts or "blobs" in file.parts]
    said = capfd.readouterr().err
    assert "Traceback" not in said
    for code, line, column in expected_in(path):
        assert f"{path}:{line}:{column}: {code}" in said
    assert "^" in said
