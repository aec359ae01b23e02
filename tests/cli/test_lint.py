"""`sdflow lint`: what it prints, and its exit codes. What it finds is in `tests/lint`."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Sdflow
from tests.lint.test_lint import RECIPE


def test_the_command(sdflow: Sdflow, tiny: Path, tmp_path: Path) -> None:
    recipe, good = tmp_path / "fox.yaml", RECIPE.replace("./model", str(tiny)).replace("512", "64")
    recipe.write_text(good)
    assert sdflow("lint", recipe) == Answer(0, "", "")
    recipe.write_text(good.replace("red fox", "((red)) fox"))
    answer = sdflow("lint", recipe)
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.startswith(f"{recipe}:7:54: SDF801 `((red))` is read as it stands")
    assert "^~~~" in answer.out
    (told,) = json.loads(sdflow("lint", recipe, "--json").out)
    assert (told["code"], told["line"], told["node"]) == ("SDF801", 7, "text")
    (tmp_path / "broken.yaml").write_text("sdflow: 1\nnodes: {a: {type: load-modle}}\n")
    broken = sdflow("lint", recipe, tmp_path / "broken.yaml")
    assert (broken.code, broken.out) == (2, "")


def test_what_is_not_here_is_not_looked_at_and_told(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE.replace("./model", f"someone/model, revision: {'a' * 40}"))
    answer = sdflow("lint", "r.yaml")
    assert (answer.code, answer.out) == (0, "")
    assert "sizes and guidance not looked at" in answer.err


FILES = {"community-checkpoint": ("checkpoint=builtin:tiny", "vae=builtin:tiny", "size=64", "guidance=2")}
"""Params in place of files that are not beside a recipe here."""


@pytest.mark.parametrize("recipe", sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml")))
def test_recipes_that_come_with_sdflow_are_as_they_should_be(sdflow: Sdflow, recipe: Path) -> None:
    """But for their models: they are to be exchanged, and so are not pinned."""
    given = [word for param in FILES.get(recipe.stem, ()) for word in ("-p", param)]
    found = json.loads(sdflow("lint", recipe, "--json", *given).out)
    assert [it for it in found if it["code"] != "SDF804"] == []
