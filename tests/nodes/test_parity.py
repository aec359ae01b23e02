"""A recipe's picture is the picture of the diffusers pipeline: from the same folder, by the usual calls."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

torch = pytest.importorskip("torch")


def pipeline(kind: str, folder: Path) -> Any:
    """A pipeline as its users load it."""
    import diffusers

    made = getattr(diffusers, kind).from_pretrained(folder, safety_checker=None, dtype=torch.float32)
    made.set_progress_bar_config(disable=True)
    return made


def pixels(path: Path) -> "np.ndarray[Any, Any]":
    return np.asarray(Pillow.open(path))


@pytest.fixture(params=["tiny", "prototype"])
def model(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def prompted(folder: Path) -> Nodes:
    return edited(
        text_to_image(folder),
        {
            "text": {"prompt": "an astronaut riding a horse on mars", "negative": "blurry"},
            "noise": {"width": 64, "height": 96, "seed": 7},
            "sample": {"steps": 5, "sampler": None},
        },
    )


def test_text_to_image(model: Path, tmp_path: Path) -> None:
    files = Workbench(tmp_path).run(prompted(model), {"a.png": "$image"}).files
    theirs = pipeline("StableDiffusionPipeline", model)(
        "an astronaut riding a horse on mars",
        negative_prompt="blurry",
        width=64,
        height=96,
        num_inference_steps=5,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    # Loaded by two libraries into memory of different alignment, so not to the bit: one level of 255 at most.
    assert np.abs(pixels(files["a.png"]).astype(int) - np.asarray(theirs).astype(int)).max() <= 1


def test_a_batch_has_a_generator_for_each_item(model: Path, tmp_path: Path) -> None:
    nodes = edited(prompted(model), {"noise": {"batch": 3}, "sample": {"sampler": "euler-ancestral"}})
    files = Workbench(tmp_path).run(nodes, {"{index}.png": "$image"}).files
    made = pipeline("StableDiffusionPipeline", model)
    import diffusers

    made.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(made.scheduler.config)
    theirs = made(
        "an astronaut riding a horse on mars",
        negative_prompt="blurry",
        width=64,
        height=96,
        num_inference_steps=5,
        guidance_scale=3.0,
        num_images_per_prompt=3,
        generator=[torch.Generator().manual_seed(7 + item) for item in range(3)],
    ).images
    for index, picture in enumerate(theirs):
        difference = np.abs(pixels(files[f"{index}.png"]).astype(int) - np.asarray(picture).astype(int))
        assert difference.max() <= 1


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
def test_image_to_image(model: Path, tmp_path: Path, strength: float) -> None:
    sketch = Path(__file__).parents[2] / "recipes" / "assets" / "sketch.png"
    nodes = prompted(model)
    nodes["file"] = {"type": "load-image", "path": str(sketch)}
    nodes["sized"] = {"type": "resize-image", "image": "$file", "width": 96, "height": 64}
    nodes["start"] = {"type": "init-latent-from-image", "model": "$model", "image": "$sized", "seed": 7}
    nodes["sample"] |= {"latent": "$start", "strength": strength, "steps": 6}
    del nodes["noise"]
    files = Workbench(tmp_path).run(nodes, {"a.png": "$image"}).files
    theirs = pipeline("StableDiffusionImg2ImgPipeline", model)(
        "an astronaut riding a horse on mars",
        image=Pillow.open(sketch).convert("RGB").resize((96, 64), Pillow.Resampling.BICUBIC),
        strength=strength,
        negative_prompt="blurry",
        num_inference_steps=6,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.abs(pixels(files["a.png"]).astype(int) - np.asarray(theirs).astype(int)).max() <= 1
