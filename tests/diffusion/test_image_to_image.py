"""Image to image equals diffusers' pipeline, from the picture's pixels on, at every strength."""

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.samplers import SAMPLERS, canonical
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.diffusion.vae import encode_image
from sdflow.problems import UserError
from sdflow.values import Image, Latent
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import (
    METHODS,
    SPACE,
    conditioning,
    noise,
    pipeline_with,
    request,
    run_pipeline,
)

SEEDS = (3, 4)


def sketch(seed: int = 0, height: int = 64, width: int = 64) -> Picture.Image:
    random = np.random.default_rng(seed)
    return Picture.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(modules: Modules, pictures: list[Picture.Image], seeds: tuple[int, ...] = SEEDS) -> Latent:
    image = Image(np.stack([np.asarray(picture) for picture in pictures]))
    return encode_image(modules.vae, image, streams_from_seeds(seeds), SPACE)


def wanted_from(
    modules: Modules, name: str | None, latent: Latent, strength: float, steps: int
) -> DenoiseRequest:
    sampler = None if name is None else SAMPLERS[name]
    return request(modules, sampler, latent=latent, strength=strength, steps=steps)


AT_THREE = ("pndm", "ddim", "euler", "dpm++-2m", "unipc", "heun", "lms")
CASES = [(name, strength) for name in AT_THREE for strength in (0.3, 0.75, 1.0)]


@pytest.mark.parametrize(
    ("name", "strength"),
    [*CASES, *((name, 0.75) for name in METHODS if name not in (*AT_THREE, "dpm++-sde"))],
)
def test_sampler(tiny: Modules, name: str, strength: float) -> None:
    latent = encoded(tiny, [sketch(), sketch()])
    wanted = wanted_from(tiny, name, latent, strength, 4)
    pipeline = pipeline_with(tiny, name, "StableDiffusionImg2ImgPipeline")
    given = {"image": [sketch(), sketch()], "strength": strength}
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline, wanted, SEEDS, given))


def test_the_seeds_of_brownian_paths_come_after_the_noise(tiny: Modules) -> None:
    from sdflow.diffusion.samplers.brownian import draw_path_seeds
    from sdflow.diffusion.streams import draw, generators_of

    latent = encoded(tiny, [sketch(), sketch()])
    wanted = wanted_from(tiny, "dpm++-sde", latent, 0.75, 4)
    pipeline = pipeline_with(tiny, "dpm++-sde", "StableDiffusionImg2ImgPipeline")
    _, later = draw(latent.streams, (4, 8, 8))
    seeds = draw_path_seeds(generators_of(later))
    positive, negative = wanted.conditioning.positive[0], wanted.conditioning.negative[0]
    pipeline.scheduler.noise_sampler_seed = seeds
    reference = pipeline(
        prompt_embeds=positive.embeddings,
        negative_prompt_embeds=negative.embeddings,
        num_images_per_prompt=2,
        num_inference_steps=4,
        guidance_scale=wanted.guidance,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        image=[sketch(), sketch()],
        strength=0.75,
        output_type="latent",
    ).images
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, reference)


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
def test_trained_model(trained: Modules, strength: float) -> None:
    latent = encoded(trained, [sketch(), sketch()])
    wanted = wanted_from(trained, None, latent, strength, 6)
    pipeline = trained.pipeline("StableDiffusionImg2ImgPipeline")
    given = {"image": [sketch(), sketch()], "strength": strength}
    assert torch.equal(
        denoise(wanted, unet=trained.unet).samples, run_pipeline(pipeline, wanted, SEEDS, given)
    )


def test_different_pictures_not_square(tiny: Modules) -> None:
    pictures = [sketch(1, 64, 96), sketch(2, 64, 96)]
    wanted = wanted_from(tiny, "euler", encoded(tiny, pictures), 0.6, 5)
    pipeline = pipeline_with(tiny, "euler", "StableDiffusionImg2ImgPipeline")
    given = {"image": pictures, "strength": 0.6}
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, run_pipeline(pipeline, wanted, SEEDS, given))


@pytest.mark.parametrize("name", ["ddim", "euler", "dpm++-2m"])
def test_a_latent_from_the_store_gives_the_bits_of_one_from_memory(tiny: Modules, name: str) -> None:
    """The autoencoder's latents have their channels last in memory, and convolutions go by that."""
    latent = encoded(tiny, [sketch(), sketch()])
    assert not latent.samples.is_contiguous()
    made, again = (
        denoise(wanted_from(tiny, name, start, 0.75, 4), unet=tiny.unet)
        for start in (latent, Latent.decode(latent.encode()))
    )
    assert torch.equal(made.samples, again.samples)


def test_v_prediction(tiny_v: Modules) -> None:
    wanted = wanted_from(tiny_v, "dpm++-2m", encoded(tiny_v, [sketch(), sketch()]), 0.75, 4)
    pipeline = pipeline_with(tiny_v, "dpm++-2m", "StableDiffusionImg2ImgPipeline")
    given = {"image": [sketch(), sketch()], "strength": 0.75}
    assert torch.equal(
        denoise(wanted, unet=tiny_v.unet).samples, run_pipeline(pipeline, wanted, SEEDS, given)
    )


def test_a_start_step_is_the_same_as_a_strength(tiny: Modules) -> None:
    """But for PNDM, whose pipeline cuts the schedule between the two evaluations of its second step."""
    latent = encoded(tiny, [sketch()], (3,))
    for name in sorted(set(METHODS) - {"pndm", "lms", "dpm2", "dpm2-ancestral"}):
        by_strength = request(tiny, SAMPLERS[name], latent=latent, strength=0.5, steps=4)
        by_step = request(tiny, SAMPLERS[name], latent=latent, start_step=2, steps=4)
        one, other = denoise(by_strength, unet=tiny.unet), denoise(by_step, unet=tiny.unet)
        assert torch.equal(one.samples, other.samples), name


def test_what_cannot_be() -> None:
    from sdflow.diffusion.samplers import step_range
    from sdflow.values import CLEAN, NOISE, Level

    config = {"_class_name": "DDIMScheduler"}
    elsewhere = Level("partial", 3, "elsewhere")
    for level, fields, code in [
        (CLEAN, {}, "SDF405"),
        (CLEAN, {"strength": 0.05}, "SDF405"),
        (CLEAN, {"strength": 1.5}, "SDF405"),
        (CLEAN, {"strength": 0.5, "start_step": 3}, "SDF405"),
        (CLEAN, {"start_step": 10}, "SDF405"),
        (CLEAN, {"start_step": 5, "end_step": 5}, "SDF405"),
        (NOISE, {"strength": 0.5}, "SDF405"),
        (NOISE, {"start_step": 2}, "SDF405"),
        (NOISE, {"end_step": 11}, "SDF405"),
        (elsewhere, {}, "SDF406"),
        (elsewhere, {"start_step": 4}, "SDF405"),
        (elsewhere, {"strength": 0.4}, "SDF405"),
    ]:
        with pytest.raises(UserError) as caught:
            step_range(canonical("ddim"), config, level=level, steps=10, **fields)  # type: ignore[arg-type]
        assert code in [problem.code for problem in caught.value.problems], (level, fields)


def test_conditioning_that_does_not_fit(tiny: Modules) -> None:
    from sdflow.values import Conditioning, Entry

    given = conditioning(tiny)
    three = Conditioning((Entry(given.positive[0].embeddings.repeat(3, 1, 1)),), given.negative)
    mask = torch.zeros(3, 64, 64, dtype=torch.uint8)
    masked = Conditioning((Entry(given.positive[0].embeddings, mask=mask),), given.negative)
    for wrong in (three, masked):
        with pytest.raises(UserError) as caught:
            denoise(request(tiny, None, latent=noise((1, 2)), conditioning=wrong), unet=tiny.unet)
        assert caught.value.problems[0].code == "SDF409"
