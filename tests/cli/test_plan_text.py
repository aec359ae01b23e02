"""What `plan` prints: golden texts, and the same facts as JSON."""

import json
from pathlib import Path

import pytest

from sdflow.cli.plan_facts import loads, sources
from sdflow.cli.plan_text import plan_json, plan_text
from sdflow.graph.chance import drawn
from sdflow.workflow import Prepared, Session, Settings
from tests.cli.conftest import SUM, Sdflow
from tests.graph.arithmetic import ARITHMETIC, cell, composition
from tests.models.layout import write_pipeline

FIRST = """\
   node  type  out  time  why
1  one   make  1×1     ?  new
2  two   make  1×1     ?  new
3  sum   add   1×1     ?  new
4  top   add   1×1     ?  new

run       4 of 4 nodes, 0 cached; 4 nodes of unknown time
write     sum-1.png
"""


def body(text: str) -> str:
    """Without the first line, which names the machine, and without figures of time."""
    return text.split("\n\n", 1)[1]


def test_the_first_plan(sdflow: Sdflow, tmp_path: Path) -> None:
    answer = sdflow("plan", "sum.yaml")
    assert answer.out.startswith("sum.yaml on ")
    assert (answer.code, body(answer.out)) == (0, FIRST)
    assert not (tmp_path / "cache").exists()


def test_after_a_run_a_change_says_what_it_leads_to(sdflow: Sdflow) -> None:
    sdflow("run", "sum.yaml")
    said = body(sdflow("plan", "sum.yaml", "-p", "second=5").out).splitlines()
    rows = [(line.split()[0], line.split()[1], line.partition(" ms  ")[2]) for line in said[1:4]]
    assert rows == [
        ("1", "two", "value 2 → 5"),
        ("2", "sum", "input two changed"),
        ("3", "top", "input sum changed"),
    ]
    assert said[4].split() == ["·", "one", "make", "1×1", "cached"]
    assert said[6].startswith("run       3 of 4 nodes, 1 cached; about ")
    assert "nothing: all 4 nodes are cached" in sdflow("plan", "sum.yaml").out


def test_a_reason_cannot_steer_the_terminal(sdflow: Sdflow, tmp_path: Path) -> None:
    (tmp_path / "sum.yaml").write_text(SUM.replace("value: $params.first}", 'value: 1, note: "a"}'))
    sdflow("run", "sum.yaml")
    (tmp_path / "sum.yaml").write_text(
        SUM.replace("value: $params.first}", 'value: 1, note: "\\e[31mb\\nc"}')
    )
    assert "note a →  [31mb c\n" in sdflow("plan", "sum.yaml").out


def large(session: Session) -> Prepared:
    nodes: dict[str, dict[str, object]] = {
        "one": {"type": "make"},
        "sum": {"type": "add", "of": ["$one"]},
    }
    cells = [
        cell(
            {**nodes, "top": {"type": "add", "of": ["$sum"], "plus": plus}},
            {f"{plus}.png": "$top"},
            f"plus={plus}",
        )
        for plus in range(1, 61)
    ]
    return session.prepare(composition(*cells))


def test_a_large_matrix_is_shown_by_name(tmp_path: Path) -> None:
    session = Session(Settings(device="cpu", cache=tmp_path), ARITHMETIC)
    assert (
        body(plan_text(large(session), verbose=False, width=90))
        == """\
   node     type  out  time  runs
1  one      make  1×1     ?  1 run: new
2  sum      add   1×1     ?  1 run: new
3  top ×60  add   1×1     ?  60 run: new

run       62 of 62 nodes, 0 cached; 62 nodes of unknown time
write     1.png
          2.png
          3.png
          4.png
          5.png
          and 55 more"""
    )
    every = plan_text(large(session), verbose=True, width=90)
    assert "top [plus=60]" in every
    assert len(every.splitlines()) == 2 + 1 + 62 + 1 + 7


@pytest.mark.parametrize(
    ("name", "head"), [(30, "node type out time why"), (37, "node out time why"), (43, "node time why")]
)
def test_a_narrow_terminal_keeps_the_reasons(
    sdflow: Sdflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: int, head: str
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    (tmp_path / "sum.yaml").write_text(SUM.replace("top", "t" * name))
    said = body(sdflow("plan", "sum.yaml").out).splitlines()
    assert said[0].split() == head.split()
    assert said[4].startswith(f"4  {'t' * name} ")
    assert said[4].endswith("?  new")
    assert len(said[4]) <= 60


def test_the_plan_as_json(sdflow: Sdflow) -> None:
    plan = json.loads(sdflow("plan", "sum.yaml", "--json").out)
    assert plan["order"] == ["one", "two", "sum", "top"]
    top = plan["nodes"][-1]
    assert {name: top[name] for name in ("node", "type", "status", "reason", "order", "out")} == {
        "node": "top", "type": "add", "status": "run", "reason": "new", "order": 4,
        "out": {"image": "1×1", "double": "1×1"},
    }  # fmt: skip
    assert plan["outputs"] == [{"path": "sum-1.png", "node": "top", "port": "image", "cell": ""}]
    assert plan["seconds"] is None


DRAWN = """\
sdflow: 1
nodes:
  model: {type: load-model, source: ./tiny}
  noise: {type: init-latent, model: $model, width: 64, height: 64, seed: random}
outputs: {noise.safetensors: $noise}
"""


def test_seeds_that_were_drawn_and_models_are_named(sdflow: Sdflow, tmp_path: Path) -> None:
    write_pipeline(tmp_path / "tiny")
    (tmp_path / "drawn.yaml").write_text(DRAWN)
    answer = sdflow("plan", "drawn.yaml", "--json")
    plan = json.loads(answer.out)
    assert 0 <= plan["drawn"]["noise"]["seed"] < 2**32
    (model,) = plan["models"]
    assert model["node"] == "model"
    assert "tiny" in model["source"]
    text = sdflow("plan", "drawn.yaml").out
    assert "noise: " in text
    assert ", drawn now" in text
    assert "(tokenizer, text_encoder, unet, vae, scheduler)" in text


def test_functions_and_commands_say_the_same(tmp_path: Path) -> None:
    prepared = large(Session(Settings(device="cpu", cache=tmp_path), ARITHMETIC))
    assert (loads(prepared.plan), sources(prepared.plan), drawn(prepared.plan)) == ([], [], {})
    assert json.loads(plan_json(prepared))["loads"] == []
