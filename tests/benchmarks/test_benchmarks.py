"""Every benchmark works; none is asked for a time, because this machine has other things to do."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.figures import Figure
from benchmarks.measure import RESULTS
from benchmarks.table import README, with_table
from benchmarks.trivial import TRIVIAL, chain, composed, ends, ladder
from sdflow.graph.build import build

ROOT = Path(__file__).parents[2]


@pytest.fixture
def untouched() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "name",
    ["startup", "picture", "watch", "planning", "resume", "single_file", "profiles", "golden", "tiles"],
)
def test_a_quick_run_prints_figures_and_writes_nothing(
    name: str, capsys: pytest.CaptureFixture[str], untouched: dict[Path, int]
) -> None:
    import_module(f"benchmarks.{name}").main(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["figure", "measured", "limit", "holds"]
    units = ("×", " s", " ms") if name != "golden" else (" dB", " of 1")
    assert all(any(unit in line for unit in units) for line in lines[1:-1])
    assert "nothing was written" in lines[-1]
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == untouched


def test_the_store_benchmark_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, untouched: dict[Path, int]
) -> None:
    monkeypatch.setattr(sys, "argv", ["store", "--quick"])
    import_module("benchmarks.store").main()
    assert {"verify", "look up", "picture, 768 KB"} <= json.loads(capsys.readouterr().out).keys()
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == untouched


def test_the_gpu_benchmark_needs_torch_diffusers_and_pydantic_alone(untouched: dict[Path, int]) -> None:
    bare = Path(__file__).parent / "bare.py"
    done = subprocess.run(
        [sys.executable, str(bare), "benchmarks.gpu", "--quick"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, verdict, imported = done.stdout.splitlines()
    assert "nothing was written" in verdict
    assert {"click", "rich", "scipy", "tokenizers", "transformers"} <= set(imported.split())
    assert "batch 2 (÷ loop as documented)" in done.stdout
    assert "(÷ pipeline)" not in done.stdout
    assert "'largest difference': 0.0" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == untouched


def test_the_table_in_the_readme_is_that_of_the_results() -> None:
    text = README.read_text(encoding="utf-8")
    assert with_table(text) == text, "run: python -m benchmarks.table"


def test_a_ladder_takes_both_nodes_of_the_rung_before() -> None:
    graph = build(composed(ladder(6)), TRIVIAL)
    wires = [[wire.node for _, wire in item.inputs] for item in graph.nodes]
    assert wires == [[], [], [0, 1], [0, 1], [2, 3], [2, 3]]
    assert ends(ladder(6)) == ["n4", "n5"]
    assert ends(chain(6)) == ["n5"]


@pytest.mark.parametrize(
    ("measured", "limit", "holds"), [(0.25, 0.25, True), (0.2501, 0.25, False), (9.0, None, None)]
)
def test_a_figure_holds_up_to_its_limit(measured: float, limit: float | None, holds: bool | None) -> None:
    assert Figure("a", measured, limit).holds is holds
