"""A recipe's picture is the picture of the diffusers pipeline: from the same folder, by the usual calls."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

torch = pytest.importorskip("torch")

ASKED: dict[str, Any] = {
    "prompt": "an astronaut riding a horse on mars",
    "negative_prompt": "blurry",
    "width": 64,
    "height": 96,
    "num_inference_steps": 5,
    "guidance_scale": 3.0,
}
"""What `prompted` asks for, as a pipeline is told it."""


def pipeline(kind: str, folder: Path) -> Any:
    """A pipeline as its users load it."""
    import diffusers

    made = getattr(diffusers, kind).from_pretrained(folder, safety_checker=None, dtype=torch.float32)
    made.set_progress_bar_config(disable=True)
    return made


def pixels(path: Path) -> "np.ndarray[Any, Any]":
    return np.asarray(Pillow.open(path))


@pytest.fixture(params=["tiny", "prototype", "toybox"])
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
        **ASKED,
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
        **ASKED,
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


def sdflows_own(kind: str, folder: Path, scheduler: str | None = None) -> Any:
    """A pipeline of diffusers around the modules that sdflow loads."""
    import diffusers

    from sdflow.models.load import load_component
    from sdflow.models.request import ModelRequest
    from sdflow.models.resolve import resolve_model
    from sdflow.resolve.device import find_device

    model = resolve_model(
        ModelRequest(str(folder)),
        base=folder,
        device=find_device("cpu"),
        memo=_digest,
        cache_root=folder.parent,
        offline=True,
    )
    modules = {
        role: load_component(part, "cpu")[0] for role, part in model.components.items() if role != "scheduler"
    }
    made = getattr(diffusers, kind)(
        **modules,
        scheduler=diffusers.PNDMScheduler.from_config(dict(model.components["scheduler"].config)),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    if scheduler is not None:
        made.scheduler = getattr(diffusers, scheduler).from_config(made.scheduler.config)
    made.set_progress_bar_config(disable=True)
    return made


def _digest(path: Path) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


SAMPLERS = {
    "pndm": None,
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "dpm++-2m": "DPMSolverMultistepScheduler",
    "ddim": "DDIMScheduler",
}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_with_the_same_modules_the_picture_is_the_same_to_the_bit(
    model: Path, tmp_path: Path, sampler: str
) -> None:
    nodes = edited(prompted(model), {"sample": {"sampler": sampler}, "noise": {"batch": 2}})
    files = Workbench(tmp_path).run(nodes, {"{index}.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionPipeline", model, SAMPLERS[sampler])(
        **ASKED,
        num_images_per_prompt=2,
        generator=[torch.Generator().manual_seed(7 + item) for item in range(2)],
    ).images
    for index, picture in enumerate(theirs):
        assert np.array_equal(pixels(files[f"{index}.png"]), np.asarray(picture))


def test_image_to_image_with_the_same_modules_is_the_same_to_the_bit(model: Path, tmp_path: Path) -> None:
    sketch = Path(__file__).parents[2] / "recipes" / "assets" / "sketch.png"
    nodes = prompted(model)
    nodes["file"] = {"type": "load-image", "path": str(sketch)}
    nodes["sized"] = {"type": "resize-image", "image": "$file", "width": 96, "height": 64}
    nodes["start"] = {"type": "init-latent-from-image", "model": "$model", "image": "$sized", "seed": 7}
    nodes["sample"] |= {"latent": "$start", "strength": 0.75, "steps": 6}
    del nodes["noise"]
    files = Workbench(tmp_path).run(nodes, {"a.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionImg2ImgPipeline", model)(
        "an astronaut riding a horse on mars",
        image=Pillow.open(sketch).convert("RGB").resize((96, 64), Pillow.Resampling.BICUBIC),
        strength=0.75,
        negative_prompt="blurry",
        num_inference_steps=6,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))
