"""Training from nothing, every stage, at a tiny setting."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTokenizer

import sdflow
from sdflow.models.builtin import builtin_folder
from tests.training.artwork import draw_artwork
from training.adopt import adopt
from training.autoencoder import build_autoencoder
from training.config import read_config
from training.diffusion import build_text_encoder, build_unet
from training.family import drawing, figures
from training.family.report import family_table
from training.tiny_autoencoder import build_tiny_autoencoder

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def train(run: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        "-m",
        "training",
        *arguments,
        "--config",
        str(HERE / "tiny.toml"),
        "--run",
        str(run),
    ]
    drawings = f"artwork.folder={str(run.parent / 'drawings')!r}"
    return subprocess.run(
        [*command, "--set", drawings], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    draw_artwork(folder / "drawings")
    done = train(folder / "run", "all")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert "autoencoder: " in done.stdout
    return folder / "run"


def test_the_model_is_one_that_diffusers_loads_as_it_stands(run: Path) -> None:
    from diffusers import AutoencoderTiny, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(run / "models" / "toybox", safety_checker=None)
    assert pipeline.scheduler.__class__.__name__ == "PNDMScheduler"
    assert pipeline.vae_scale_factor == 8
    assert AutoencoderTiny.from_pretrained(run / "models" / "toybox-taesd").config.latent_channels == 4


@pytest.fixture(scope="module")
def family(run: Path) -> Path:
    done = train(run, "family")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return run / "models"


def test_the_models_on_top_of_it_are_ones_that_diffusers_loads(run: Path, family: Path) -> None:
    toybox = family / "toybox"
    inpainting = drawing.inpainting(toybox, family / "toybox-inpaint")
    assert inpainting.unet.config.in_channels == 9
    assert drawing.controlled(toybox, family / "toybox-canny").controlnet.config.cross_attention_dim == 32
    assert drawing.upscaling(toybox, family / "toybox-x4").vae_scale_factor == 4
    pipeline = drawing.plain(toybox)
    pipeline.load_lora_weights(family / "toybox-sketch", weight_name="pytorch_lora_weights.safetensors")
    pipeline.load_textual_inversion(family / "toybox-negative" / "learned_embeds.safetensors")
    assert pipeline.get_active_adapters()
    assert len(pipeline.tokenizer("toybox-negative").input_ids) > 2


def test_they_were_measured(run: Path, family: Path) -> None:
    for name in figures.OF:
        told = json.loads((run / "results" / f"{name}.json").read_text(encoding="utf-8"))
        assert told["pictures"] == 2
        assert (run / "results" / f"{name}.jpg").is_file()
    assert family_table(run / "results").count("toybox-x4 |") == 2


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


def test_a_second_time_nothing_is_made_anew(run: Path) -> None:
    kept = [
        *(
            run / part / "trained.pt"
            for part in ("autoencoder", "diffusion", "tiny-autoencoder", "classifier")
        ),
        *(run / "scenes").iterdir(),
        *(run / "tokenizer").iterdir(),
        run / "latents.pt",
    ]
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    assert len(stamps) == 4 + 4 + 4 + 1
    stages = [
        "artwork",
        "scenes",
        "tokenizer",
        "autoencoder",
        "latents",
        "diffusion",
        "tiny-autoencoder",
        "classifier",
    ]
    done = train(run, *stages)
    assert done.returncode == 0, done.stderr[-4000:]
    assert {path: path.stat().st_mtime_ns for path in kept} == stamps


def test_training_goes_on_from_a_shipped_model(run: Path, tmp_path: Path) -> None:
    new = tmp_path / "run"
    draw_artwork(tmp_path / "drawings")
    shutil.copytree(run / "scenes", new / "scenes")
    shutil.copy(run / "latents.pt", new)
    adopt(run / "models" / "toybox", new)
    assert train(new, "ship").returncode == 0
    names = [path.relative_to(new) for path in (new / "models").rglob("*.safetensors")]
    assert len(names) == 3
    for name in names:
        before, after = load_file(run / name), load_file(new / name)
        assert all(torch.equal(before[key], after[key]) for key in before)

    done = train(new, "diffusion", "--set", "diffusion.fit.minutes=0.05")
    assert done.returncode == 0, done.stderr[-4000:]
    assert "goes on at step 0" in done.stdout
    trained = (new / "diffusion" / "checkpoint.pt").read_bytes()
    adopt(run / "models" / "toybox", new)
    assert (new / "diffusion" / "checkpoint.pt").read_bytes() == trained


def test_a_run_keeps_the_shapes_that_it_began_with(run: Path) -> None:
    done = train(run, "diffusion", "--set", "diffusion.unet.channels=[32, 64]")
    assert done.returncode == 2
    assert "was begun with other settings of diffusion" in done.stderr


def test_what_a_gpu_trains_fits_into_the_wheel() -> None:
    config = read_config([ROOT / "training" / "toybox.toml", ROOT / "training" / "gpu.toml"])
    reader = CLIPTokenizer.from_pretrained(builtin_folder("toybox", Path()) / "tokenizer")
    nets = [
        build_autoencoder(config.autoencoder),
        build_tiny_autoencoder(config.tiny_autoencoder),
        build_text_encoder(config.diffusion, reader),
        build_unet(config.diffusion),
    ]
    assert sum(value.numel() for net in nets for value in net.state_dict().values()) * 2 < 23_000_000


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "scenes", "--run", str(tmp_path), "--set", "scenes.count=3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "scenes.count" in done.stderr
    assert "Traceback" not in done.stderr
