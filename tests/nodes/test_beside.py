"""Nodes that show the UNet more than a latent: the picture is that of the diffusers pipeline, from the same folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from sdflow.models.tiny import write_tiny
from sdflow.problems import UserError
from sdflow.provenance.parameters import parse_parameters
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
    with Pillow.open(files["a.png"]) as picture:
        said = parse_parameters(picture.info["parameters"])
    assert (said["seed"], said["size"]) == ("7", "96x64")
    assert np.abs(pixels(files["a.png"]).astype(int) - np.asarray(theirs).astype(int)).max() <= 1


def inpainting(folder: Path | str) -> Nodes:
    return {
        **edited(upscaling(folder), {"start": {"type": "init-latent-from-image", "noise-level": None}}),
        "mask": {"type": "load-mask", "path": "mask.png"},
    }


def inpainted(folder: Path, **given: Any) -> Any:
    """The pipeline's picture, int[height, 64, 3]."""
    import diffusers

    pipeline: Any = diffusers.StableDiffusionInpaintPipeline.from_pretrained(
        folder, safety_checker=None, dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline(
        "a red fox",
        negative_prompt="blurry",
        width=64,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(7),
        **given,
    ).images[0]
    return np.asarray(picture).astype(int)


@pytest.mark.parametrize(("channels", "strength"), [(9, 1.0), (9, 0.6), (4, 1.0), (4, 0.6)])
def test_inpainting(tmp_path: Path, channels: int, strength: float) -> None:
    """With a mask of another size: both sides resize it."""
    folder = write_tiny(tmp_path / "model", in_channels=channels)
    picture = photo(tmp_path, 64, 48)
    mask = Pillow.new("L", (128, 96), 0)
    mask.paste(255, (30, 20, 101, 70))
    mask.save(tmp_path / "mask.png")
    nodes = edited(
        inpainting(folder), {"start": {"mask": "$mask"}, "sample": {"strength": strength, "steps": 4}}
    )
    files = Workbench(tmp_path).run(nodes, {"a.png": "$image"}).files
    theirs = inpainted(folder, image=picture, mask_image=mask, strength=strength, height=48)
    assert np.abs(pixels(files["a.png"]).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(("channels", "strength"), [(9, 1.0), (4, 0.6)])
def test_only_masked(tmp_path: Path, channels: int, strength: float) -> None:
    """Cut out, painted at another size and pasted back; outside of the mask every byte stays."""
    folder = write_tiny(tmp_path / "model", in_channels=channels)
    picture = photo(tmp_path, 100, 80)
    mask = Pillow.new("L", (100, 80), 0)
    mask.paste(255, (60, 20, 80, 50))
    mask.save(tmp_path / "mask.png")
    sides = {"width": 64, "height": 64, "padding": 6}
    nodes = {
        **edited(
            inpainting(folder),
            {
                "start": {"image": "$part", "mask": "$part.mask"},
                "sample": {"strength": strength, "steps": 4},
            },
        ),
        "part": {"type": "crop-to-mask", "image": "$photo", "mask": "$mask", **sides},
        "whole": {
            "type": "paste-region",
            "background": "$photo",
            "image": "$image",
            "region": "$part.region",
            "mask": "$mask",
        },
    }
    files = Workbench(tmp_path).run(nodes, {"a.png": "$whole"}).files
    theirs = inpainted(
        folder, image=picture, mask_image=mask, strength=strength, height=64, padding_mask_crop=6
    )
    ours = pixels(files["a.png"]).astype(int)
    stays = np.asarray(mask) == 0
    assert (ours[stays] == np.asarray(picture)[stays]).all()
    assert np.abs(ours - theirs).max() <= 1
    assert np.abs(ours - np.asarray(picture).astype(int))[~stays].mean() > 5


@pytest.mark.parametrize(
    ("size", "edits", "words"),
    [
        ((48, 64), {}, "mask is 48×64 and the picture 64×48"),
        ((64, 48), {"start": {"mask": None}}, "9 input channels does not take a latent from init-latent"),
    ],
)
def test_what_inpainting_refuses(
    tmp_path: Path, size: tuple[int, int], edits: dict[str, dict[str, Any]], words: str
) -> None:
    photo(tmp_path, 64, 48)
    Pillow.new("L", size, 255).save(tmp_path / "mask.png")
    nodes = edited(
        inpainting("builtin:tiny-inpaint"), {"start": {"mask": "$mask"}, "sample": {"strength": 1.0}}
    )
    with pytest.raises(UserError, match=words):
        Workbench(tmp_path).run(edited(nodes, edits), {"a.png": "$image"})


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
