"""A denoise that is killed goes on from its last kept state, and ends with the bits of an undisturbed run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdflow.diffusion.samplers import SAMPLERS
from sdflow.engine.events import Event, NodeProgress
from tests.nodes.workbench import Workbench, edited, text_to_image

KILLS = int(os.environ.get("SDFLOW_TEST_KILLS", "0"))
"""For each sampler, up to 5: after every one of their steps. Left out, every fourth sampler is killed once."""
CHOSEN = tuple(SAMPLERS) if KILLS else tuple(dict.fromkeys((*tuple(SAMPLERS)[::4], "pndm", "lms")))


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_samplers_survive_being_killed(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.nodes.children.kill", str(tiny), str(tmp_path), str(KILLS or 1)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *CHOSEN],
        cwd=Path(__file__).parents[2],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [it["sampler"] for it in found] == list(CHOSEN)
    assert [it for it in found if it["trouble"]] == []
    assert any(it["kept"] for it in found)


def progress(bench: Workbench) -> list[int]:
    return [
        event.done for event in bench.events if isinstance(event, NodeProgress) and event.node == "sample"
    ]


def test_ctrl_c_keeps_the_step_at_hand(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = edited(text_to_image(tiny), {"sample": {"steps": 6}})
    composition = bench.compose(bench.write(nodes, {"picture.png": "$image"}))

    def stopping(event: Event) -> None:
        if isinstance(event, NodeProgress) and event.done == 2:
            bench.session.stop.set()

    assert bench.session.run(composition, listener=stopping).outcome.interrupted
    bench.run(nodes, {"picture.png": "$image"})
    assert progress(bench) == [3, 4, 5, 6]
    assert bench.ran() == {"sample", "image"}


@pytest.mark.parametrize("sampler", ["euler", "dpm++-2m-karras"])
def test_two_that_differ_in_where_they_end_share_the_way(tiny: Path, tmp_path: Path, sampler: str) -> None:
    """One to the end, and one that stops before: each step is done once, whichever comes first."""
    whole = edited(text_to_image(tiny), {"sample": {"steps": 6, "sampler": sampler}})
    short = {**whole["sample"], "end-step": 4}
    files = {"whole.safetensors": "$sample", "short.safetensors": "$short"}
    together = Workbench(tmp_path / "together")
    result = together.run({**whole, "short": short}, files)
    steps = [event for event in together.events if isinstance(event, NodeProgress)]
    assert len(steps) == 6
    alone = Workbench(tmp_path / "alone")
    for name, nodes in (("sample", whole), ("short", {**whole, "short": short})):
        file = {f"{name}.safetensors": f"${name}"}
        assert alone.bytes_of(alone.run(nodes, file), name, "latent") == together.bytes_of(
            result, name, "latent"
        )


def test_a_longer_one_goes_on_where_a_shorter_one_ended(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    nodes = edited(text_to_image(tiny), {"sample": {"steps": 6, "end-step": 4}})
    bench.run(nodes, {"latent.safetensors": "$sample"})
    bench.run(edited(nodes, {"sample": {"end-step": None}}), {"latent.safetensors": "$sample"})
    assert progress(bench) == [5, 6]
