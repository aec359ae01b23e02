"""SDXL equals diffusers' pipelines around the same modules, bit for bit, on the CPU in float32."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.micro import Wishes
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.diffusion.vae import decode_latent, encode_image
from sdflow.values import Image, Latent
from tests.diffusion.conftest import XlModules
from tests.diffusion.reference_xl import SPACE, conditioning, noise, pipeline_with, request, run_pipeline

SEEDS = (3, 4)
SAMPLERS = (
    None,
    "euler",
    "euler-karras",
    "euler-ancestral",
    "euler-ancestral-trailing",
    "euler-trailing",
    "dpm++-2m-karras",
    "dpm++-2m-sde-karras",
    "ddim",
    "ddim-trailing",
    "pndm",
    "unipc",
    "heun",
    "lcm",
    "tcd",
)


@pytest.mark.parametrize("name", SAMPLERS)
def test_text_to_image(xl: XlModules, name: str | None) -> None:
    wanted = request(xl, name, noise(SEEDS))
    made = denoise(wanted, unet=xl.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(xl, name), wanted, SEEDS))


@pytest.mark.parametrize("negative", [None, "", "blurry"])
def test_negative_prompts(xl: XlModules, negative: str | None) -> None:
    wanted = request(xl, "euler", noise((3,)), conditioning=conditioning(xl, "a horse", negative))
    theirs = pipeline_with(xl, "euler")(
        "a horse",
        negative_prompt=negative,
        height=64,
        width=64,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(3),
        output_type="latent",
    ).images
    made = denoise(wanted, unet=xl.unet).samples
    assert torch.equal(made, theirs)
    others = {None, "", "blurry"} - {negative}
    for other in others:
        changed = request(xl, "euler", noise((3,)), conditioning=conditioning(xl, "a horse", other))
        assert not torch.allclose(made, denoise(changed, unet=xl.unet).samples, atol=1e-3)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 7.0])
def test_guidance(xl: XlModules, guidance: float) -> None:
    wanted = request(xl, "ddim", noise(SEEDS), guidance=guidance)
    made = denoise(wanted, unet=xl.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(xl, "ddim"), wanted, SEEDS))


@pytest.mark.parametrize("rescale", [0.3, 1.0])
def test_guidance_rescale(xl: XlModules, rescale: float) -> None:
    wanted = request(xl, "euler", noise(SEEDS), rescale=rescale)
    made = denoise(wanted, unet=xl.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(xl, "euler"), wanted, SEEDS))
    assert not torch.equal(made.samples, denoise(request(xl, "euler", noise(SEEDS)), unet=xl.unet).samples)


def test_not_square(xl: XlModules) -> None:
    """Height and width are told in this order."""
    wanted = request(xl, "euler", noise((5,), 8, 16))
    made = denoise(wanted, unet=xl.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(xl, "euler"), wanted, (5,)))


# What is wished, and what a user of the pipeline from noise writes for it; the negative sizes go together there.
TOLD: dict[str, tuple[Wishes, dict[str, Any]]] = {
    "original": (Wishes(original=(96, 32)), {"original_size": (96, 32)}),
    "target": (Wishes(target=(96, 32)), {"target_size": (96, 32)}),
    "crop": (Wishes(crop=(16, 24)), {"crops_coords_top_left": (16, 24)}),
    "negative sizes": (
        Wishes(negative_original=(96, 32), negative_target=(32, 48)),
        {"negative_original_size": (96, 32), "negative_target_size": (32, 48)},
    ),
    "crop of the prompt alone": (
        Wishes(crop=(16, 24), negative_original=(96, 32), negative_target=(32, 48)),
        {
            "crops_coords_top_left": (16, 24),
            "negative_original_size": (96, 32),
            "negative_target_size": (32, 48),
        },
    ),
    "negative crop": (
        Wishes(negative_original=(64, 64), negative_target=(64, 64), negative_crop=(16, 24)),
        {
            "negative_original_size": (64, 64),
            "negative_target_size": (64, 64),
            "negative_crops_coords_top_left": (16, 24),
        },
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_sizes_and_crops(xl: XlModules, case: str) -> None:
    wishes, given = TOLD[case]
    wanted = request(xl, "euler", noise((3,)), wishes=wishes)
    made = denoise(wanted, unet=xl.unet).samples
    assert torch.equal(made, run_pipeline(pipeline_with(xl, "euler"), wanted, (3,), given))
    untold = denoise(request(xl, "euler", noise((3,))), unet=xl.unet).samples
    assert float((made - untold).std()) > 0.01 * float(untold.std())


def test_sizes_of_a_batch_are_those_of_its_items(xl: XlModules) -> None:
    """The pipeline from noise tells half of a batch the sizes of the other side; an item alone the right ones."""
    wishes, given = TOLD["negative sizes"]
    made = denoise(request(xl, "euler", noise(SEEDS), wishes=wishes), unet=xl.unet).samples
    for place, seed in enumerate(SEEDS):
        wanted = request(xl, "euler", noise((seed,)), wishes=wishes)
        alone = run_pipeline(pipeline_with(xl, "euler"), wanted, (seed,), given)
        assert torch.allclose(made[place : place + 1], alone, rtol=1e-4, atol=1e-4)


def sketch(seed: int = 0, height: int = 64, width: int = 64) -> Picture.Image:
    random = np.random.default_rng(seed)
    return Picture.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(modules: XlModules, picture: Picture.Image, seeds: tuple[int, ...] = SEEDS) -> Latent:
    return encode_image(modules.vae, Image(np.asarray(picture)[None]), streams_from_seeds(seeds), SPACE)


IMAGE_TO_IMAGE = "StableDiffusionXLImg2ImgPipeline"


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
@pytest.mark.parametrize("name", [None, "euler-ancestral", "dpm++-2m-karras", "ddim"])
def test_image_to_image(xl: XlModules, name: str | None, strength: float) -> None:
    wanted = request(xl, name, encoded(xl, sketch()), strength=strength)
    given = {"image": sketch(), "strength": strength}
    made = denoise(wanted, unet=xl.unet)
    assert torch.equal(
        made.samples, run_pipeline(pipeline_with(xl, name, IMAGE_TO_IMAGE), wanted, SEEDS, given)
    )


@pytest.mark.parametrize("case", ["original", "target", "crop", "negative sizes", "crop of the prompt alone"])
def test_sizes_and_crops_of_image_to_image(xl: XlModules, case: str) -> None:
    wishes, told = TOLD[case]
    wanted = request(xl, "euler", encoded(xl, sketch()), strength=0.75, wishes=wishes)
    given = {"image": sketch(), "strength": 0.75, **told}
    made = denoise(wanted, unet=xl.unet)
    assert torch.equal(
        made.samples, run_pipeline(pipeline_with(xl, "euler", IMAGE_TO_IMAGE), wanted, SEEDS, given)
    )


SCORES: dict[str, tuple[Wishes, dict[str, Any]]] = {
    "nothing": (Wishes(), {}),
    "score": (Wishes(score=9.0), {"aesthetic_score": 9.0}),
    "negative score": (Wishes(negative_score=0.5), {"negative_aesthetic_score": 0.5}),
    "sizes": (
        Wishes(original=(96, 32), crop=(16, 24), negative_original=(32, 48), negative_crop=(8, 0)),
        {
            "original_size": (96, 32),
            "crops_coords_top_left": (16, 24),
            "negative_original_size": (32, 48),
            "negative_crops_coords_top_left": (8, 0),
        },
    ),
    "crop of the prompt alone": (Wishes(crop=(16, 24)), {"crops_coords_top_left": (16, 24)}),
}


@pytest.mark.parametrize("case", SCORES)
def test_the_refiner_on_a_picture(refiner: XlModules, case: str) -> None:
    wishes, told = SCORES[case]
    wanted = request(refiner, "euler", encoded(refiner, sketch()), strength=0.5, wishes=wishes)
    given = {"image": sketch(), "strength": 0.5, **told}
    made = denoise(wanted, unet=refiner.unet).samples
    assert torch.equal(made, run_pipeline(pipeline_with(refiner, "euler"), wanted, SEEDS, given))
    if told:
        untold = request(refiner, "euler", encoded(refiner, sketch()), strength=0.5)
        assert not torch.allclose(made, denoise(untold, unet=refiner.unet).samples, atol=1e-3)


@pytest.mark.parametrize("spread", [False, True])
def test_decoding_and_encoding(xl: XlModules, spread: bool) -> None:  # a parameter of the test
    """With and without a mean and a deviation of each channel, as some VAEs' configurations tell them."""
    from diffusers import AutoencoderKL

    told = {"latents_mean": [0.1, -0.2, 0.3, 0.0], "latents_std": [0.8, 1.5, 1.0, 0.9]} if spread else {}
    vae = AutoencoderKL.from_config({**xl.vae.config, **told}).eval()
    vae.load_state_dict(xl.vae.state_dict())
    pipeline = pipeline_with(xl, "euler", IMAGE_TO_IMAGE)
    pipeline.vae = vae
    latent = encode_image(vae, Image(np.asarray(sketch())[None]), streams_from_seeds((3,)), SPACE)
    with torch.no_grad():
        theirs = pipeline.prepare_latents(
            pipeline.image_processor.preprocess(sketch()),
            None,
            1,
            1,
            torch.float32,
            torch.device("cpu"),
            [torch.Generator().manual_seed(3)],
            add_noise=False,
        )
    assert torch.equal(latent.samples, theirs)
    wanted = request(xl, "euler", latent, strength=0.5)
    pixels = decode_latent(vae, denoise(wanted, unet=xl.unet), slicing=False, tiling=None).pixels
    (positive,), (negative,) = wanted.conditioning.positive, wanted.conditioning.negative
    picture = pipeline(
        prompt_embeds=positive.embeddings,
        pooled_prompt_embeds=positive.pooled,
        negative_prompt_embeds=negative.embeddings,
        negative_pooled_prompt_embeds=negative.pooled,
        num_inference_steps=4,
        guidance_scale=3.0,
        generator=[torch.Generator().manual_seed(3)],
        image=sketch(),
        strength=0.5,
    ).images[0]
    assert np.array_equal(pixels[0], np.asarray(picture))
