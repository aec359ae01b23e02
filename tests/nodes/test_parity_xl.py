"""Recipes for SDXL give the pictures of diffusers' pipelines around the modules that sdflow loads, bit for bit."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.nodes.workbench import Nodes, Workbench, edited, text_to_image

torch = pytest.importorskip("torch")

SKETCH = Path(__file__).parents[2] / "recipes" / "assets" / "sketch.png"


def pixels(path: Path) -> "np.ndarray[Any, Any]":
    return np.asarray(Pillow.open(path))


def sdflows_own(kind: str, folder: Path, parts: dict[str, Path] | None = None, **settings: Any) -> Any:
    """A pipeline of diffusers around the modules that sdflow loads."""
    import diffusers

    from sdflow.models.load import load_component
    from sdflow.models.request import ModelRequest, PartRequest
    from sdflow.models.resolve import resolve_model
    from sdflow.resolve.device import find_device

    requests = {role: PartRequest(str(path)) for role, path in (parts or {}).items()}
    model = resolve_model(
        ModelRequest(str(folder), parts=requests),
        base=folder,
        device=find_device("cpu"),
        memo=lambda path: f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        cache_root=folder.parent,
        offline=True,
    )
    roles = ("tokenizer", "tokenizer_2", "text_encoder", "text_encoder_2", "unet", "vae")
    modules = {
        role: load_component(model.components[role], "cpu")[0] if role in model.components else None
        for role in roles
    }
    config = dict(model.components["scheduler"].config)
    scheduler = getattr(diffusers, str(config["_class_name"])).from_config(config)
    made = getattr(diffusers, kind)(**modules, scheduler=scheduler, add_watermarker=False, **settings)
    made.set_progress_bar_config(disable=True)
    return made


def prompted(folder: Path) -> Nodes:
    return edited(
        text_to_image(folder),
        {
            "text": {"prompt": "an astronaut riding a horse"},
            "noise": {"width": 64, "height": 96, "seed": 7},
            "sample": {"steps": 4, "sampler": None},
        },
    )


ASKED: dict[str, Any] = {
    "prompt": "an astronaut riding a horse",
    "num_inference_steps": 4,
    "guidance_scale": 3.0,
}
# Fields of encode-prompt, and what a user of the pipeline writes for them.
PROMPTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "negative absent": ({}, {}),
    "negative empty": ({"negative": ""}, {"negative_prompt": ""}),
    "negative": ({"negative": "blurry"}, {"negative_prompt": "blurry"}),
    "two prompts": (
        {"prompt-2": "a boat", "negative": "blurry", "negative-2": "ugly"},
        {"prompt_2": "a boat", "negative_prompt": "blurry", "negative_prompt_2": "ugly"},
    ),
    "clip skip": ({"clip-skip": 1}, {"clip_skip": 1}),
}


@pytest.mark.parametrize("case", PROMPTS)
def test_text_to_image(tiny_xl: Path, tmp_path: Path, case: str) -> None:
    fields, given = PROMPTS[case]
    nodes = edited(prompted(tiny_xl), {"text": fields, "noise": {"batch": 2}})
    files = Workbench(tmp_path).run(nodes, {"{index}.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionXLPipeline", tiny_xl)(
        **ASKED,
        **given,
        width=64,
        height=96,
        num_images_per_prompt=2,
        generator=[torch.Generator().manual_seed(7 + item) for item in range(2)],
    ).images
    for index, picture in enumerate(theirs):
        assert np.array_equal(pixels(files[f"{index}.png"]), np.asarray(picture))


def test_text_to_image_of_the_pipeline_that_diffusers_loads(tiny_xl: Path, tmp_path: Path) -> None:
    import diffusers

    files = Workbench(tmp_path).run(prompted(tiny_xl), {"a.png": "$image"}).files
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(tiny_xl, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(**ASKED, width=64, height=96, generator=torch.Generator().manual_seed(7)).images[0]
    # Loaded by two libraries into memory of different alignment, so not to the bit: one level of 255 at most.
    assert np.abs(pixels(files["a.png"]).astype(int) - np.asarray(theirs).astype(int)).max() <= 1


def test_a_listing_that_wants_no_zeros(tmp_path: Path) -> None:
    from sdflow.models.tiny_xl import write_tiny_xl

    folder = write_tiny_xl(tmp_path / "model", force_zeros_for_empty_prompt=False)
    files = Workbench(tmp_path).run(prompted(folder), {"a.png": "$image"}).files
    pipeline = sdflows_own("StableDiffusionXLPipeline", folder, force_zeros_for_empty_prompt=False)
    theirs = pipeline(**ASKED, width=64, height=96, generator=torch.Generator().manual_seed(7)).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))


def from_sketch(nodes: Nodes, strength: float) -> Nodes:
    made = {name: dict(fields) for name, fields in nodes.items() if name != "noise"}
    made["file"] = {"type": "load-image", "path": str(SKETCH)}
    made["sized"] = {"type": "resize-image", "image": "$file", "width": 96, "height": 64}
    made["start"] = {"type": "init-latent-from-image", "model": "$model", "image": "$sized", "seed": 7}
    made["sample"] |= {"latent": "$start", "strength": strength}
    return made


def the_sketch() -> Pillow.Image:
    return Pillow.open(SKETCH).convert("RGB").resize((96, 64), Pillow.Resampling.BICUBIC)


def test_image_to_image(tiny_xl: Path, tmp_path: Path) -> None:
    files = Workbench(tmp_path).run(from_sketch(prompted(tiny_xl), 0.75), {"a.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionXLImg2ImgPipeline", tiny_xl)(
        **ASKED, image=the_sketch(), strength=0.75, generator=torch.Generator().manual_seed(7)
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))


def test_a_picture_from_a_picture_in_two_parts_is_told_the_same_sizes(tiny_xl: Path, tmp_path: Path) -> None:
    """The pipeline for pictures crops the negative side as the other one; the second part begins with no picture."""
    size = {"width": 32, "height": 48}
    told = {"crop": {"top": 8, "left": 16}, "negative-original-size": size, "negative-target-size": size}
    nodes = edited(from_sketch(prompted(tiny_xl), 0.75), {"sample": {**told, "sampler": "ddim"}})
    nodes["first"] = {**nodes["sample"], "end-step": 2}
    nodes["second"] = {
        **{name: value for name, value in nodes["sample"].items() if name != "strength"},
        "latent": "$first",
    }
    nodes["in-parts"] = {**nodes["image"], "latent": "$second"}
    bench = Workbench(tmp_path)
    first = bench.run(nodes, {"f.safetensors": "$first"})  # so that the second part reads it from the store
    assert first.files
    files = bench.run(nodes, {"a.png": "$image", "b.png": "$in-parts"}).files
    assert np.array_equal(pixels(files["a.png"]), pixels(files["b.png"]))


def test_sizes_and_crops(tiny_xl: Path, tmp_path: Path) -> None:
    size, crop = {"width": 32, "height": 48}, {"top": 8, "left": 16}
    fields = {
        "original-size": size,
        "target-size": {"width": 96, "height": 64},
        "crop": crop,
        "negative-original-size": {"width": 16, "height": 8},
        "negative-target-size": size,
        "negative-crop": {"left": 4},
    }
    files = Workbench(tmp_path).run(edited(prompted(tiny_xl), {"sample": fields}), {"a.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionXLPipeline", tiny_xl)(
        **ASKED,
        width=64,
        height=96,
        original_size=(48, 32),
        target_size=(64, 96),
        crops_coords_top_left=(8, 16),
        negative_original_size=(8, 16),
        negative_target_size=(48, 32),
        negative_crops_coords_top_left=(0, 4),
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))


def test_the_refiner_alone_on_a_picture(tiny_refiner: Path, tmp_path: Path) -> None:
    nodes = from_sketch(prompted(tiny_refiner), 0.5)
    nodes["sample"] |= {"aesthetic-score": 7.5, "negative-aesthetic-score": 1.0}
    files = Workbench(tmp_path).run(nodes, {"a.png": "$image"}).files
    settings: dict[str, Any] = {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
    theirs = sdflows_own("StableDiffusionXLImg2ImgPipeline", tiny_refiner, **settings)(
        **ASKED,
        image=the_sketch(),
        strength=0.5,
        aesthetic_score=7.5,
        negative_aesthetic_score=1.0,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))


@pytest.fixture(scope="module")
def trained_to_paint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A UNet of nine channels."""
    from sdflow.models.tiny_xl import write_tiny_xl

    return write_tiny_xl(tmp_path_factory.mktemp("models") / "tiny-xl-inpaint", in_channels=9)


@pytest.mark.parametrize(
    ("model", "strength"), [("tiny_xl", 0.75), ("tiny_xl", 1.0), ("trained_to_paint", 0.75)]
)
def test_painting_into_a_picture(
    request: pytest.FixtureRequest, tmp_path: Path, model: str, strength: float
) -> None:
    folder = request.getfixturevalue(model)
    mask = np.zeros((64, 96), np.uint8)
    mask[16:48, 32:80] = 255
    Pillow.fromarray(mask).save(tmp_path / "mask.png")
    nodes = from_sketch(prompted(folder), strength)
    nodes["mask"] = {"type": "load-mask", "path": str(tmp_path / "mask.png")}
    nodes["start"]["mask"] = "$mask"
    files = Workbench(tmp_path).run(nodes, {"a.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionXLInpaintPipeline", folder)(
        **ASKED,
        image=the_sketch(),
        mask_image=Pillow.fromarray(mask),
        strength=strength,
        width=96,
        height=64,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))


def test_another_vae(tiny_xl: Path, tmp_path: Path) -> None:
    from sdflow.models.tiny_xl import write_tiny_xl

    other = write_tiny_xl(tmp_path / "other", seed=5)
    nodes = edited(prompted(tiny_xl), {"model": {"vae": str(other)}})
    bench = Workbench(tmp_path)
    files = bench.run(nodes, {"a.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionXLPipeline", tiny_xl, {"vae": other})(
        **ASKED, width=64, height=96, generator=torch.Generator().manual_seed(7)
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))
    own = bench.run(prompted(tiny_xl), {"b.png": "$image"}).files
    assert bench.ran() == {"image"}
    assert not np.array_equal(pixels(files["a.png"]), pixels(own["b.png"]))


@pytest.fixture(scope="module")
def taesd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny autoencoder of factor 8, as TAESDXL is."""
    from diffusers import AutoencoderTiny

    from sdflow.models.tiny_weights import fill_weights

    widths = (8, 8, 8, 8)
    with torch.random.fork_rng(devices=[]):
        made = AutoencoderTiny(
            encoder_block_out_channels=widths,
            decoder_block_out_channels=widths,
            num_encoder_blocks=(1, 1, 1, 1),
            num_decoder_blocks=(1, 1, 1, 1),
        )
    fill_weights(made, "taesd", {})
    folder: Path = tmp_path_factory.mktemp("taesd")
    made.save_pretrained(folder)
    return folder


def test_a_tiny_autoencoder_decodes_and_encodes(tiny_xl: Path, taesd: Path, tmp_path: Path) -> None:
    nodes = edited(from_sketch(prompted(tiny_xl), 0.5), {"model": {"vae": str(taesd)}})
    files = Workbench(tmp_path).run(nodes, {"a.png": "$image"}).files
    theirs = sdflows_own("StableDiffusionXLImg2ImgPipeline", tiny_xl, {"vae": taesd})(
        **ASKED, image=the_sketch(), strength=0.5, generator=torch.Generator().manual_seed(7)
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))
    assert len(np.unique(pixels(files["a.png"]))) > 20


def test_a_preview_shows_colours_of_the_latent(tiny_xl: Path, tmp_path: Path) -> None:
    nodes = prompted(tiny_xl)
    nodes["way"] = {"type": "preview", "model": "$model", "of": "$sample.trajectory", "every": 2}
    files = Workbench(tmp_path).run(nodes, {"{index}.png": "$way", "d-{index}.png": "$way.decoded"}).files
    assert {"0.png", "1.png", "2.png", "d-2.png"} <= set(files)
    assert pixels(files["2.png"]).shape == (96, 64, 3)


def test_from_the_base_model_to_the_refiner(tiny_xl: Path, tiny_refiner: Path, tmp_path: Path) -> None:
    """Thirty steps of which 0.8 are 23, as diffusers counts them."""
    nodes = edited(prompted(tiny_xl), {"sample": {"steps": 30, "until": 0.8}})
    nodes["refiner"] = {"type": "load-model", "source": str(tiny_refiner)}
    nodes["again"] = {"type": "encode-prompt", "model": "$refiner", "prompt": "an astronaut riding a horse"}
    nodes["refined"] = {
        "type": "denoise",
        "model": "$refiner",
        "conditioning": "$again",
        "latent": "$sample",
        "steps": 30,
        "from": 0.8,
        "guidance": 3.0,
    }
    nodes["image"] |= {"model": "$refiner", "latent": "$refined"}
    bench = Workbench(tmp_path)
    files = bench.run(nodes, {"a.png": "$image"}).files
    asked = ASKED | {"num_inference_steps": 30}
    latents = (
        sdflows_own("StableDiffusionXLPipeline", tiny_xl)(
            **asked,
            width=64,
            height=96,
            denoising_end=0.8,
            output_type="latent",
            generator=torch.Generator().manual_seed(7),
        )
    ).images
    settings: dict[str, Any] = {"requires_aesthetics_score": True, "force_zeros_for_empty_prompt": False}
    theirs = sdflows_own("StableDiffusionXLImg2ImgPipeline", tiny_refiner, **settings)(
        **asked, image=latents, denoising_start=0.8
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))
    by_step = edited(nodes, {"sample": {"until": None, "end-step": 23}, "refined": {"from": None}})
    assert np.array_equal(
        pixels(files["a.png"]), pixels(bench.run(by_step, {"b.png": "$image"}).files["b.png"])
    )


def test_timesteps_in_a_recipe(tiny_xl: Path, tmp_path: Path) -> None:
    fields = {"timesteps": [999, 700, 300], "steps": None, "sampler": "euler"}
    bench = Workbench(tmp_path)
    files = bench.run(edited(prompted(tiny_xl), {"sample": fields}), {"a.png": "$image"}).files
    asked = {name: value for name, value in ASKED.items() if name != "num_inference_steps"}
    theirs = sdflows_own("StableDiffusionXLPipeline", tiny_xl)(
        **asked,
        timesteps=[999, 700, 300],
        width=64,
        height=96,
        generator=torch.Generator().manual_seed(7),
    ).images[0]
    assert np.array_equal(pixels(files["a.png"]), np.asarray(theirs))
    bench.run(edited(prompted(tiny_xl), {"sample": fields | {"steps": 3}}), {"a.png": "$image"})
    assert not bench.ran(), "three steps say nothing new of three timesteps"
