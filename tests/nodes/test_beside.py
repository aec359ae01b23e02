"""Nodes that show the UNet more than a latent: the picture is that of the diffusers pipeline, from the same folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.models.tiny import write_tiny
from sdflow.problems import UserError
from tests.nodes.test_parity import pixels
from tests.nodes.workbench import Nodes, Workbench, edited

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def upscaler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("upscaler"), in_channels=7)


def upscaling(folder: Path | str) -> Nodes:
    return {
        "model": {"type": "load-model", "source": str(folder)},
        "text": {"type": "encode-prompt", "model": "$model", "prompt": "a red fox", "negative": "blurry"},
        "photo": {"type": "load-image", "path": "small.png"},
        "start": {
            "type": "init-latent-from-small-image",
            "model": "$model",
            "image": "$photo",
            "noise-level": 40,
            "seed": 7,
        },
        "sample": {
            "type": "denoise",
            "model": "$model",
            "conditioning": "$text",
            "latent": "$start",
            "steps": 3,
            "guidance": 3.0,
        },
        "image": {"type": "decode", "model": "$model", "latent": "$sample"},
    }


def photo(folder: Path, width: int = 24, height: int = 16, mode: str = "RGB") -> Pillow.Image:
    rng = np.random.default_rng(3)
    picture = Pillow.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)
    folder.mkdir(exist_ok=True)
    picture.save(folder / "small.png")
    return picture


def test_upscaling(upscaler: Path, tmp_path: Path) -> None:
    import diffusers

    small = photo(tmp_path)
    files = Workbench(tmp_path).run(upscaling(upscaler), {"a.png": "$image"}).files
    pipeline: Any = diffusers.StableDiffusionUpscalePipeline.from_pretrained(upscaler, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        "a red fox",
        image=small,
        negative_prompt="blurry",
        noise_level=40,
        num_inference_steps=3,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert theirs.size == (96, 64)
    assert np.abs(pixels(files["a.png"]).astype(int) - np.asarray(theirs).astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("edits", "mode", "words"),
    [
        ({"start": {"noise-level": 351}}, "RGB", "noise levels up to 350"),
        ({}, "RGBA", "alpha channel"),
        ({"model": {"source": "builtin:tiny"}}, "RGB", "no upscaler"),
        (
            {"start": {"type": "init-latent", "image": None, "noise-level": None}},
            "RGB",
            "7 input channels does not take a latent from init-latent",
        ),
    ],
)
def test_what_an_upscaler_cannot_do(
    upscaler: Path, tmp_path: Path, edits: dict[str, dict[str, Any]], mode: str, words: str
) -> None:
    photo(tmp_path, mode=mode)
    with pytest.raises(UserError, match=words):
        Workbench(tmp_path).run(edited(upscaling(upscaler), edits), {"a.png": "$image"})
