"""Recipes with single files: the pictures of the folders that they were made of, and of diffusers' own loader."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.engine.events import ModelMoved
from tests.models.single_file import checkpoint, original, write
from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

torch = pytest.importorskip("torch")

CLASSES = {"tiny": "StableDiffusionPipeline", "tiny_xl": "StableDiffusionXLPipeline"}


@pytest.fixture(params=CLASSES)
def model(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """A pipeline class of diffusers, and a folder."""
    return CLASSES[request.param], Path(request.getfixturevalue(request.param))


def of_file(file: Path, folder: Path, **more: Any) -> Nodes:
    """The plainest recipe with a single file whose configuration lies in a folder."""
    return edited(text_to_image(file), {"model": {"config": str(folder), **more}})


def pixels(path: Path) -> "np.ndarray[Any, Any]":
    return np.asarray(Pillow.open(path)).astype(int)


@pytest.mark.parametrize("ending", [".safetensors", ".ckpt"])
def test_the_picture_is_that_of_the_folder(model: tuple[str, Path], tmp_path: Path, ending: str) -> None:
    _, folder = model
    file = write(checkpoint(folder), tmp_path / f"file{ending}")
    bench = Workbench(tmp_path)
    one = bench.run(of_file(file, folder), {"one.png": "$image"})
    other = bench.run(text_to_image(folder), {"other.png": "$image"})
    assert bench.bytes_of(one, "image", "image") == bench.bytes_of(other, "image", "image")
    assert bench.ran() == {"text", "sample", "image"}, "another file is another key, and noise needs no file"


def test_the_picture_is_that_of_diffusers_loader(model: tuple[str, Path], tmp_path: Path) -> None:
    """Loaded by two libraries into memory of different alignment, so not to the bit: one level of 255 at most."""
    import diffusers

    class_name, folder = model
    file = write(checkpoint(folder), tmp_path / "file.safetensors")
    files = Workbench(tmp_path).run(of_file(file, folder), {"a.png": "$image"}).files
    made = getattr(diffusers, class_name).from_single_file(
        str(file), config=str(folder), local_files_only=True
    )
    made.scheduler = diffusers.EulerDiscreteScheduler.from_config(made.scheduler.config)
    made.set_progress_bar_config(disable=True)
    theirs = made(
        "a red fox",
        width=32,
        height=32,
        num_inference_steps=2,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    assert np.abs(pixels(files["a.png"]) - np.asarray(theirs).astype(int)).max() <= 1


def test_encoding_a_prompt_reads_the_text_encoder_alone(tiny: Path, tmp_path: Path) -> None:
    """The UNet's numbers are gone from the file, and nobody misses them."""
    tensors = checkpoint(tiny)
    whole = write(tensors, tmp_path / "whole.safetensors")
    empty = {
        name: torch.full_like(it, torch.nan) if "diffusion_model" in name else it
        for name, it in tensors.items()
    }
    broken = write(empty, tmp_path / "broken.safetensors")
    bench = Workbench(tmp_path)
    outputs = {"text.safetensors": "$text"}
    kept = bench.run(of_file(whole, tiny), outputs)
    again = bench.run(of_file(broken, tiny), outputs)
    assert bench.bytes_of(kept, "text", "conditioning") == bench.bytes_of(again, "text", "conditioning")
    loaded = {
        event.component
        for event in bench.events
        if isinstance(event, ModelMoved) and event.action == "loaded"
    }
    assert loaded == {"text_encoder"}, "the tokenizer is there already"


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
def test_another_vae_from_a_file_runs_decode_alone(tiny: Path, tmp_path: Path, ending: str) -> None:
    from sdflow.models.tiny import write_tiny

    other = write_tiny(tmp_path / "other", seed=1)
    file = write(checkpoint(tiny), tmp_path / "file.safetensors")
    vae = write(original(other, "vae"), tmp_path / f"vae{ending}")
    bench = Workbench(tmp_path)
    outputs = {"a.png": "$image"}
    before = bench.run(of_file(file, tiny), outputs)
    after = bench.run(of_file(file, tiny, vae={"source": str(vae), "config": str(tiny)}), outputs)
    assert bench.ran() == {"image"}
    of_folder = bench.run(edited(text_to_image(tiny), {"model": {"vae": str(other)}}), outputs)
    made = [bench.bytes_of(it, "image", "image") for it in (before, after, of_folder)]
    assert made[0] != made[1] == made[2]


def test_the_same_file_elsewhere_is_the_same_model(tiny: Path, tmp_path: Path) -> None:
    file = write(checkpoint(tiny), tmp_path / "file.safetensors")
    bench = Workbench(tmp_path)
    bench.run(of_file(file, tiny), {"a.png": "$image"})
    (tmp_path / "elsewhere").mkdir()
    shutil.move(file, tmp_path / "elsewhere/renamed.safetensors")
    assert not bench.planned(of_file(tmp_path / "elsewhere/renamed.safetensors", tiny), {"a.png": "$image"})


def test_precision_for_each_component_is_in_the_keys_of_those_that_use_it(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    plain = text_to_image(tiny)
    outputs = {"a.png": "$image"}
    bench.run(plain, outputs)
    assert bench.planned(edited(plain, {"model": {"dtype": {"vae": "fp32"}}}), outputs) == set()
    assert bench.planned(edited(plain, {"model": {"dtype": {"vae": "bf16"}}}), outputs) == {"image"}
    result = bench.run(
        edited(plain, {"model": {"dtype": {"default": "bf16", "text-encoder": "fp32"}}}), outputs
    )
    assert not result.failed
    assert bench.ran() == {"sample", "image"}


def test_what_the_unet_predicts_changes_denoise_alone(tiny: Path, tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    plain = text_to_image(tiny)
    one = bench.run(plain, {"a.png": "$image"})
    other = bench.run(edited(plain, {"model": {"prediction-type": "v_prediction"}}), {"a.png": "$image"})
    assert bench.ran() == {"sample", "image"}
    assert bench.bytes_of(one, "image", "image") != bench.bytes_of(other, "image", "image")
