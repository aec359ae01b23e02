"""A recipe as a node of another one, through every command."""

import json
from pathlib import Path

import pytest
import yaml
from PIL import Image as Pillow

from sdflow.api import load
from sdflow.cli.recipe_schema import recipe_schema
from sdflow.cli.watch import files_of, named_files
from sdflow.composing import compose_file
from sdflow.graph.build import build
from sdflow.problems import UserError
from sdflow.recipe import Changes
from tests.cli.conftest import REGISTRY, Sdflow
from tests.review.scratch import Scratch, runs

INNER = """\
sdflow: 1
params:
  plus: {type: int, default: 10, min: 0, max: 99}
  start: {type: image, default: $size}
nodes:
  size: {type: measure, path: picture.png}
  one: {type: make, value: 1}
  sum: {type: add, of: [$one, $params.start], plus: $params.plus}
outputs: {"{name}.png": $sum}
"""
OUTER = """\
sdflow: 1
params: {plus: 3}
nodes:
  inner: {type: recipe, path: parts/inner.yaml, params: {plus: $params.plus}}
  top: {type: add, of: [$inner]}
outputs: {"{name}.png": $top}
"""


jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture
def folder(sdflow: Sdflow, tmp_path: Path) -> Path:
    """outer.yaml uses parts/inner.yaml, which reads parts/picture.png."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "inner.yaml").write_text(INNER)
    (tmp_path / "outer.yaml").write_text(OUTER)
    Pillow.new("RGB", (4, 4)).save(tmp_path / "parts" / "picture.png")
    return tmp_path


def ran(answer_out: str) -> set[str]:
    events = map(json.loads, answer_out.splitlines())
    return {event["node"] for event in events if event["event"] == "node-finished"}


def test_what_the_recipe_has_computed_by_itself_is_not_computed_again(sdflow: Sdflow, folder: Path) -> None:
    assert ran(sdflow("run", "parts/inner.yaml", "-p", "plus=3", "--json").out) == {"size", "one", "sum"}
    assert ran(sdflow("run", "outer.yaml", "--json").out) == {"top"}


def test_a_picture_makes_itself_again_to_the_byte(sdflow: Sdflow, folder: Path) -> None:
    assert sdflow("run", "outer.yaml", "-q", "-o", ".").code == 0
    (folder / "parts" / "inner.yaml").unlink()
    assert sdflow("run", "outer.png", "-q", "-o", "again", "--no-cache").code == 0
    assert (folder / "again" / "outer.png").read_bytes() == (folder / "outer.png").read_bytes()
    (folder / "parts" / "picture.png").write_bytes(b"another")
    assert "parts/picture.png" in sdflow("run", "outer.png", "-o", "again").err


def test_the_name_of_the_node_means_all_that_is_inside(sdflow: Sdflow, folder: Path) -> None:
    assert ran(sdflow("run", "outer.yaml", "--json", "--to", "inner").out) == {
        "inner/size",
        "inner/one",
        "inner/sum",
    }
    sdflow("run", "outer.yaml")
    assert ran(sdflow("run", "outer.yaml", "--json", "--force", "inner").out) == {
        "inner/size",
        "inner/one",
        "inner/sum",
    }
    told = sdflow("explain", "outer.yaml", "inner").out
    assert [line for line in told.splitlines() if line.startswith("inner/")] == [
        "inner/size  measure",
        "inner/one  make",
        "inner/sum  add",
    ]
    assert sdflow("show", "outer.yaml", "inner/sum").code == 0
    assert "$inner/sum.image" in sdflow("show", "outer.yaml", "inner.sum").out
    assert (
        "SDF724 inner has no result one\n  hint: its outputs: sum"
        in sdflow("show", "outer.yaml", "inner.one").err
    )


def test_an_error_inside_shows_both_files(sdflow: Sdflow, folder: Path) -> None:
    (folder / "parts" / "inner.yaml").write_text(INNER.replace("value: 1", "valu: 1"))
    answer = sdflow("validate", "outer.yaml")
    assert answer.code == 2
    assert "parts/inner.yaml:7:21: SDF202 make has no field valu" in answer.err
    assert "                      ^~~~\n  used by node inner in outer.yaml:4\n" in answer.err
    told = sdflow("run", "outer.yaml", "-s", "nodes.inner/sum.plus=3").err
    assert "-s nodes.inner.params.NAME=…" in told


def test_the_lock_covers_the_recipe_and_what_it_reads(sdflow: Sdflow, folder: Path) -> None:
    assert "does not cover parts/inner.yaml" in _locked_without(sdflow, folder)
    assert sdflow("lock", "outer.yaml").code == 0
    locked = yaml.safe_load((folder / "outer.lock").read_text())
    assert set(locked["recipes"]) == {"parts/inner.yaml"}
    assert set(locked["inputs"]) == {"parts/picture.png"}
    assert sdflow("run", "outer.yaml", "--locked").code == 0
    (folder / "parts" / "inner.yaml").write_text(INNER.replace("value: 1", "value: 2"))
    assert sdflow("run", "outer.yaml").code == 0, "a recipe that is being worked on"
    answer = sdflow("run", "outer.yaml", "--locked")
    assert (answer.code, "SDF753 parts/inner.yaml" in answer.err) == (2, True)
    assert sdflow("lock", "--check", "outer.yaml").code == 1


def _locked_without(sdflow: Sdflow, folder: Path) -> str:
    (folder / "outer.lock").write_text("sdflow-lock: 1\n")
    return sdflow("run", "outer.yaml", "--locked").err


def test_a_change_inside_is_a_change_of_the_outer_recipe(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    Pillow.new("RGB", (4, 4)).save(_made(scratch.root / "parts") / "picture.png")
    scratch.commit({"outer.yaml": OUTER, "parts/inner.yaml": INNER})
    scratch.run("outer.yaml")
    scratch.write("parts/inner.yaml", INNER.replace("value: 1", "value: 2"))
    found = scratch.diff()
    assert set(found) == {"outer.yaml", "parts/inner.yaml"}
    assert runs(found["outer.yaml"]) == {"inner/one", "inner/sum", "top"}
    assert [change.name for change in found["outer.yaml"].nodes] == ["inner/one"]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_watching_looks_at_the_files_inside(sdflow: Sdflow, folder: Path) -> None:
    composition = compose_file(folder / "outer.yaml", Changes(), REGISTRY)
    watched = files_of(composition, build(composition, REGISTRY))
    assert {path.relative_to(folder).as_posix() for path in watched} == {
        "parts/inner.yaml",
        "parts/picture.png",
    }
    (folder / "parts" / "inner.yaml").write_text(INNER.replace("of:", "off:"))
    with pytest.raises(UserError) as caught:
        build(compose_file(folder / "outer.yaml", Changes(), REGISTRY), REGISTRY)
    assert named_files(caught.value) == [folder / "parts" / "inner.yaml"]


def test_lint_looks_inside_and_says_where_it_is_used(sdflow: Sdflow, folder: Path) -> None:
    text = """\
sdflow: 1
params: {seed: random}
nodes:
  model: {type: load-model, source: "builtin:tiny"}
  noise: {type: init-latent, model: $model, width: 64, height: 64, seed: $params.seed}
  image: {type: decode, model: $model, latent: $noise}
outputs: {"{name}.png": $image}
"""
    (folder / "parts" / "luck.yaml").write_text(text)
    (folder / "outer.yaml").write_text(OUTER.replace("inner.yaml, params: {plus: $params.plus}", "luck.yaml"))
    found = json.loads(sdflow("lint", "outer.yaml", "--json").out)
    assert {(it["code"], it["file"], it["via"]) for it in found} == {
        ("SDF811", "parts/luck.yaml", "used by node inner in outer.yaml:4"),
        ("SDF810", "outer.yaml", None),
    }


def test_the_schema_takes_it(folder: Path) -> None:
    schema = recipe_schema(REGISTRY)
    jsonschema.validate(yaml.safe_load(OUTER), schema)
    jsonschema.validate(yaml.safe_load(INNER), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(OUTER.replace("path: parts", "file: parts")), schema)


def test_python_takes_the_name_of_the_node_too(sdflow: Sdflow, folder: Path) -> None:
    run = load(folder / "outer.yaml", device="cpu").run()
    assert run.value("inner").nbytes == run.value("inner", "sum").nbytes == run.value("inner/sum").nbytes == 3
    assert {"inner", "inner/sum", "top"} <= set(run.images)
    with pytest.raises(KeyError):
        run.value("inner", "one")


def test_a_report_shows_all_recipes(sdflow: Sdflow, folder: Path) -> None:
    assert sdflow("run", "outer.yaml", "--report", "report.html").code == 0
    page = (folder / "report.html").read_text()
    assert "<summary>parts/inner.yaml</summary>" in page
    assert "path: parts/inner.yaml" in page


def test_config_shows_the_recipe_as_it_is_written(sdflow: Sdflow, folder: Path) -> None:
    printed = sdflow("config", "parts/inner.yaml").out
    assert "default: $size" in printed
    assert yaml.safe_load(sdflow("config", "outer.yaml").out)["nodes"]["inner"]["params"] == {
        "plus": "$params.plus"
    }


def test_a_copy_of_a_shipped_recipe_brings_those_that_it_uses(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert sdflow("new", "draw-and-enhance", "-o", "mine").code == 0
    copied = {
        path.relative_to(tmp_path / "mine").as_posix()
        for path in (tmp_path / "mine").rglob("*")
        if path.is_file()
    }
    assert copied == {"draw-and-enhance.yaml", "txt2img.yaml", "enhance.yaml", "assets/sketch.png"}
