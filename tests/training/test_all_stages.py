"""Training from nothing, every stage, at a tiny setting."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sdflow
from tests.training.artwork import draw_artwork

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    drawings = draw_artwork(folder / "drawings")
    command = [sys.executable, "-m", "training", "all", "--config", str(HERE / "tiny.toml")]
    command += ["--run", str(folder / "run"), "--set", f"artwork.folder={str(drawings)!r}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "diffusion: " in done.stdout
    return folder / "run"


def test_the_model_is_one_that_diffusers_loads_as_it_stands(run: Path) -> None:
    from diffusers import AutoencoderTiny, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(run / "models" / "toybox", safety_checker=None)
    assert pipeline.scheduler.__class__.__name__ == "PNDMScheduler"
    assert pipeline.vae_scale_factor == 8
    assert AutoencoderTiny.from_pretrained(run / "models" / "toybox-taesd").config.latent_channels == 4


def test_sdflow_draws_with_it(run: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "toy.yaml"
    recipe.write_text((ROOT / "recipes" / "quickstart.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    loaded = sdflow.load(recipe, cache=tmp_path / "cache")
    loaded.run(out=tmp_path / "out", model=str(run / "models" / "toybox"), steps=2)
    with Image.open(tmp_path / "out" / "quickstart.png") as picture:
        assert np.asarray(picture).std() > 0


def test_it_was_measured(run: Path) -> None:
    figures = json.loads((run / "results" / "toybox.json").read_text(encoding="utf-8"))
    assert figures["autoencoder, dB"] > 11
    assert figures["adherence"]["object"]["pictures"] == 2
    with Image.open(run / "results" / "toybox.jpg") as picture:
        assert picture.size[0] > 4 * 2 * 128


def test_nothing_of_this_machine_is_written_into_the_model(run: Path) -> None:
    for path in (run / "models").rglob("*.json"):
        assert str(run.parent) not in path.read_text(encoding="utf-8")


def test_a_second_time_nothing_is_left_to_train(run: Path) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in run.rglob("trained.pt")}
    assert len(stamps) == 4
    command = [
        sys.executable,
        "-m",
        "training",
        "autoencoder",
        "--config",
        str(HERE / "tiny.toml"),
        "--run",
        str(run),
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "scenes", "--run", str(tmp_path), "--set", "scenes.count=3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "scenes.count" in done.stderr
    assert "Traceback" not in done.stderr
