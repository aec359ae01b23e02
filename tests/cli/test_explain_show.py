"""Why a node runs, what it was made from, and what came out."""

import json
from pathlib import Path

from tests.cli.conftest import SUM, Sdflow
from tests.models.layout import write_pipeline


def test_a_node_that_never_ran(sdflow: Sdflow) -> None:
    said = sdflow("explain", "sum.yaml", "sum").out
    assert said.startswith("sum  add\nrun: new\n\nkey     ")
    assert "kept    no, it was never computed here\n" in said
    assert "  fields.plus       0\n" in said
    assert "inputs.of.0.key" in said


def test_what_differs_from_last_time(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    said = sdflow("explain", "sum.yaml", "two", "-p", "second=5").out
    assert said.startswith("two  make\nrun: value 2 → 5\n")
    assert "  changed       before  now\n  fields.value  2       5\n" in said
    said = sdflow("explain", "sum.yaml", "two").out
    assert said.startswith("two  make\ncached: its result is kept\n")
    assert "computed just now in " in said
    assert "changed" not in said


def test_a_node_that_no_output_needs_is_explained_all_the_same(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "sum.yaml").write_text(SUM.replace("outputs:", "  lone: {type: make}\noutputs:"))
    assert sdflow("explain", "sum.yaml", "lone").out.startswith("lone  make\nrun: new\n")


def test_a_matrix_is_explained_cell_by_cell(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text(SUM.replace("{params.first}", "{params.second}"))
    said = sdflow("explain", "many.yaml", "two", "--matrix", "second=2,3").out
    assert "two [second=2]  make\n" in said
    assert "two [second=3]  make\n" in said
    assert len(
        sdflow("explain", "many.yaml", "two", "--matrix", f"second={','.join(map(str, range(30)))}").out
    ) < len(
        sdflow("explain", "many.yaml", "two", "-v", "--matrix", f"second={','.join(map(str, range(30)))}").out
    )
    assert len(json.loads(sdflow("explain", "many.yaml", "one", "--json", "--matrix", "second=2,3").out)) == 1


def test_explain_as_json(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    (it,) = json.loads(sdflow("explain", "sum.yaml", "top", "--json", "-p", "first=3").out)
    assert (it["node"], it["status"], it["reason"], it["record"]) == ("top", "run", "input sum changed", None)
    assert it["preimage"]["fields"] == it["previous_preimage"]["fields"] == {"plus": 10, "most": 255}
    (it,) = json.loads(sdflow("explain", "sum.yaml", "top", "--json").out)
    assert it["status"] == "cached"
    assert it["record"]["bytes"] > 0


def test_the_nearest_earlier_result_and_all_others(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    said = sdflow("explain", "sum.yaml", "top", "-p", "second=5").out
    assert ": 1 difference\n  at   differs  then  now  through\n  two  value    2     5    sum\n" in said
    assert "  results" in said
    (it,) = json.loads(sdflow("explain", "sum.yaml", "top", "-p", "second=5", "--json").out)
    assert it["nearest"]["differences"] == [
        {"node": "two", "what": "value", "before": 2, "now": 5, "through": ["sum", "top"]}
    ]
    assert it["records"][0]["differences"] == 1
    assert it["records"][0]["digests"].keys() == {"image", "double"}
    (own, *_) = json.loads(sdflow("explain", "sum.yaml", "top", "--json").out)[0]["records"]
    assert (own["differences"], own["also"]) == (0, [])


def test_an_unknown_node(sdflow: Sdflow) -> None:
    for command in ("explain", "show"):
        answer = sdflow(command, "sum.yaml", "topp")
        assert (answer.code, answer.err) == (2, "SDF206 there is no node topp\n  hint: did you mean top?\n")


def test_show_says_what_is_kept(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    said = sdflow("show", "sum.yaml", "top").out
    assert said.startswith("top  add  ")
    assert "computed just now in " in said
    assert "\n$top.image  Image  1×1  " in said
    assert "  1×1 pixels, RGB, 8 bits\n  red   min        13  max        13" in said
    assert "  file out/sum-1.png\n" in said
    assert "\n$top.double  Image  1×1  " in said
    assert "$top.image" not in sdflow("show", "sum.yaml", "top.double").out


def test_show_of_what_was_never_made(sdflow: Sdflow) -> None:
    answer = sdflow("show", "sum.yaml", "top")
    assert answer.code == 2
    assert (
        answer.err == "SDF724 no result of top is kept\n  hint: make it with: sdflow run sum.yaml --to top\n"
    )


def test_show_writes_a_result_to_a_file(sdflow: Sdflow, tmp_path: Path) -> None:
    from PIL import Image

    sdflow("run", "sum.yaml")
    assert sdflow("show", "sum.yaml", "top.double", "--out", "it.png").out == "it.png\n"
    with Image.open(tmp_path / "it.png") as picture:
        assert picture.getpixel((0, 0)) == (26, 26, 26)
    assert sdflow("show", "sum.yaml", "top", "--out", "it.safetensors").code == 0
    assert (tmp_path / "it.safetensors").stat().st_size > 3


def test_show_refuses_what_cannot_be_written(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    assert (
        "SDF724 top has no result tripple" in sdflow("show", "sum.yaml", "top.tripple", "--out", "it.png").err
    )
    assert (
        "SDF724 there is no picture 3"
        in sdflow("show", "sum.yaml", "top", "--out", "it.png", "--index", 3).err
    )


MODEL = """\
sdflow: 1
nodes:
  model: {type: load-model, source: ./tiny}
  noise: {type: init-latent, model: $model, width: 64, height: 64}
outputs: {noise.safetensors: $noise}
"""


def test_a_model_has_no_results_and_is_explained_by_what_uses_it(sdflow: Sdflow, tmp_path: Path) -> None:
    write_pipeline(tmp_path / "tiny")
    (tmp_path / "model.yaml").write_text(MODEL)
    assert "described while planning" in sdflow("explain", "model.yaml", "model").out
    answer = sdflow("show", "model.yaml", "model")
    assert (answer.code, answer.err.split()[0]) == (2, "SDF724")
    assert "sdflow model show" in answer.err
