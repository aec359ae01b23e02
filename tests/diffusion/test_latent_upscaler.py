"""The latent upscaler's latents equal those of diffusers' pipeline, to the bit."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.small_latent import latent_of_small_latent
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.diffusion.text import TextEncoder, encode_prompts
from sdflow.diffusion.vae import encode_image
from sdflow.models.tiny_x2 import write_tiny_x2
from sdflow.values import CLEAN, Conditioning, Image, Latent, State
from tests.diffusion.conftest import Modules, load
from tests.diffusion.reference import AS_IN_DIFFUSERS, SPACE, noise
from tests.diffusion.test_image_to_image import sketch

KIND = "StableDiffusionLatentUpscalePipeline"
SEED = 7


@pytest.fixture(scope="module")
def x2(quiet: None, tmp_path_factory: pytest.TempPathFactory) -> Modules:
    return load(write_tiny_x2(tmp_path_factory.mktemp("x2")))


def pipeline_with(modules: Modules, name: str) -> Any:
    import diffusers

    class_name, options = AS_IN_DIFFUSERS[name]
    scheduler = getattr(diffusers, class_name).from_config(modules.scheduler_config, **options)
    pipeline = getattr(diffusers, KIND)(
        vae=modules.vae,
        text_encoder=modules.text_encoder,
        tokenizer=modules.tokenizer,
        unet=modules.unet,
        scheduler=scheduler,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@cache
def prompted(modules: Modules, prompt: str = "a horse on the moon") -> Conditioning:
    encoder = TextEncoder(modules.tokenizer, modules.text_encoder)
    return encode_prompts([encoder], [[prompt]], [["blurry"]], reading="unnormed")


def small(seeds: tuple[int, ...] = (SEED,)) -> Latent:
    """A latent that something else has made with these streams."""
    return replace(noise(seeds, 8, 12), level=CLEAN)


def upscaling(modules: Modules, name: str, latent: Latent, **fields: Any) -> DenoiseRequest:
    made = DenoiseRequest(
        latent=latent,
        conditioning=prompted(modules),
        sampler=SAMPLERS[name],
        scheduler_config=modules.scheduler_config,
        steps=3,
        guidance=3.0,
    )
    return replace(made, **fields)


def theirs(pipeline: Any, image: Any, generator: torch.Generator, guidance: float) -> torch.Tensor:
    made: torch.Tensor = pipeline(
        "a horse on the moon",
        image=image,
        negative_prompt="blurry",
        num_inference_steps=3,
        guidance_scale=guidance,
        generator=generator,
        output_type="latent",
    ).images
    return made


@pytest.mark.parametrize(
    ("name", "guidance"), [("euler", 3.0), ("euler", 1.0), ("euler-karras", 9.0), ("lms", 3.0)]
)
def test_equal_to_the_pipeline(x2: Modules, name: str, guidance: float) -> None:
    """One generator draws the small latent, or whatever made it drew last, and goes on with the noise."""
    given = small()
    generator = torch.Generator()
    generator.set_state(given.streams[0])
    expected = theirs(pipeline_with(x2, name), given.samples, generator, guidance)
    wanted = upscaling(x2, name, latent_of_small_latent(given), guidance=guidance)
    made = denoise(wanted, unet=x2.unet).samples
    assert made.shape == (1, 4, 16, 24)
    assert torch.equal(made, expected)


def test_from_a_picture(x2: Modules) -> None:
    """The pipeline draws the picture's latent, and then the noise."""
    picture = sketch(height=64, width=96)
    generator = torch.Generator().manual_seed(SEED)
    expected = theirs(pipeline_with(x2, "euler"), picture, generator, 3.0)
    encoded = encode_image(x2.vae, Image(np.asarray(picture)[None]), streams_from_seeds((SEED,)), SPACE)
    made = denoise(upscaling(x2, "euler", latent_of_small_latent(encoded)), unet=x2.unet)
    assert torch.equal(made.samples, expected)


def test_what_it_is_told_matters(x2: Modules) -> None:
    other = prompted(x2, "an owl")
    (positive,), (alien,) = prompted(x2).positive, other.positive
    pooled = Conditioning((replace(positive, pooled=alien.pooled),), prompted(x2).negative)
    start = latent_of_small_latent(small())
    made = [
        denoise(upscaling(x2, "euler", latent, conditioning=text), unet=x2.unet).samples
        for latent, text in (
            (start, prompted(x2)),
            (start, other),
            (start, pooled),
            (replace(start, beside=latent_of_small_latent(small((8,))).beside), prompted(x2)),
            (latent_of_small_latent(small(), [9]), prompted(x2)),
        )
    ]
    for place, one in enumerate(made):
        for another in made[:place]:
            assert not torch.allclose(one, another, atol=1e-3)


def test_a_split_run_and_a_resumed_run_are_the_whole_run(x2: Modules) -> None:
    states: list[State] = []
    wanted = upscaling(x2, "lms", latent_of_small_latent(small((1, 2))), steps=4)
    whole = denoise(wanted, unet=x2.unet, capture=lambda step: step == 2, on_state=states.append).samples
    assert torch.equal(whole, denoise(wanted, unet=x2.unet, resume=states[0]).samples)
    euler = replace(wanted, sampler=SAMPLERS["euler"])
    whole = denoise(euler, unet=x2.unet).samples
    partly = denoise(replace(euler, end_step=2), unet=x2.unet)
    rest = replace(euler, latent=Latent.decode(partly.encode()))
    assert torch.equal(whole, denoise(rest, unet=x2.unet).samples)
