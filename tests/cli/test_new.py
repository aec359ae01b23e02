"""Recipes to start from: what is listed, what is copied, and that nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sdflow.cli.shipped import folder, shipped
from tests.cli.conftest import Sdflow

RECIPES = Path(__file__).parents[2] / "recipes"


def test_a_checkout_ships_its_recipes_folder() -> None:
    assert folder() == RECIPES
    assert [it.name for it in shipped()] == sorted(path.stem for path in RECIPES.glob("*.yaml"))
    assert all(it.description for it in shipped())


def test_an_installed_sdflow_finds_them_beside_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "only.yaml").write_bytes((RECIPES / "txt2img.yaml").read_bytes())
    monkeypatch.setattr("sdflow.cli.shipped.files", lambda _: tmp_path)
    assert [it.name for it in shipped()] == ["only"]


SETUP = """
import json, sys
from distutils.core import run_setup
import setuptools
made = run_setup("setup.py", stop_after="init")
print(json.dumps([made.packages, made.package_dir, made.package_data]))
"""


def test_the_wheel_has_all_code_and_all_recipes() -> None:
    pytest.importorskip("setuptools")
    command = [sys.executable, "-c", "import setuptools" + SETUP]
    done = subprocess.run(command, cwd=RECIPES.parent, capture_output=True, text=True, check=True)
    packages, folders, data = json.loads(done.stdout.splitlines()[-1])
    code = {
        ".".join(path.parent.relative_to(RECIPES.parent).parts)
        for path in RECIPES.parent.glob("sdflow/**/*.py")
    }
    assert code <= set(packages)
    assert not [name for name in packages if name.split(".")[0] != "sdflow"]
    assert folders["sdflow.recipes"] == "recipes"
    carried = {path for name, patterns in data.items() for it in patterns for path in _folder(name).glob(it)}
    assert carried >= {*RECIPES.glob("*.yaml"), *RECIPES.glob("assets/*.png")}


def _folder(package: str) -> Path:
    return RECIPES.parent / package.replace("sdflow.recipes", "recipes").replace(".", "/")


def test_the_list(sdflow: Sdflow) -> None:
    said = sdflow("new").out
    assert all(it.name in said and it.description[:40] in said for it in shipped())


def test_a_recipe_comes_with_the_files_that_it_reads(sdflow: Sdflow, tmp_path: Path) -> None:
    answer = sdflow("new", "img2img")
    assert answer.out == "img2img.yaml\nassets/sketch.png\n"
    for name in answer.out.splitlines():
        assert (tmp_path / name).read_bytes() == (RECIPES / name).read_bytes()
    assert "sdflow run img2img.yaml" in answer.err


def test_another_name_or_folder(sdflow: Sdflow, tmp_path: Path) -> None:
    assert sdflow("new", "txt2img", "-o", "fox.yaml").out == "fox.yaml\n"
    (tmp_path / "there").mkdir()
    assert sdflow("new", "img2img", "-o", "there").out == "there/img2img.yaml\nthere/assets/sketch.png\n"
    assert sdflow("new", "txt2img", "-o", "not/yet/fox.yaml").code == 0


def test_nothing_is_overwritten_unless_asked(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "sketch.png").write_text("mine")
    answer = sdflow("new", "img2img")
    assert answer.code == 2
    assert answer.err.startswith("SDF723 assets/sketch.png is there already")
    assert not (tmp_path / "img2img.yaml").exists()
    assert (tmp_path / "assets" / "sketch.png").read_text() == "mine"
    assert sdflow("new", "img2img", "--force").code == 0
    assert (tmp_path / "assets" / "sketch.png").read_bytes() == (
        RECIPES / "assets" / "sketch.png"
    ).read_bytes()


def test_what_is_there_and_equal_is_no_obstacle(sdflow: Sdflow) -> None:
    assert sdflow("new", "img2img").code == 0
    assert sdflow("new", "img2img").code == 0


def test_an_unknown_name(sdflow: Sdflow) -> None:
    answer = sdflow("new", "txt2imgs")
    assert answer.code == 2
    assert answer.err == "SDF722 sdflow comes with no recipe txt2imgs\n  hint: did you mean txt2img?\n"


def test_a_folder_that_cannot_be_written(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = sdflow("new", "txt2img", "-o", "file/fox.yaml")
    assert answer.code == 2
    assert "SDF726 file/fox.yaml cannot be written" in answer.err
