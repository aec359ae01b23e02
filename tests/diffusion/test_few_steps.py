"""Models distilled for few steps, run as their cards tell users of diffusers to run them, bit for bit."""

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.models.tiny_xl import write_tiny_xl
from tests.diffusion.conftest import Modules, XlModules, load_xl
from tests.diffusion.reference import request, run_pipeline
from tests.diffusion.reference_xl import noise as noise_xl
from tests.diffusion.reference_xl import request as xl_request
from tests.diffusion.reference_xl import run_pipeline as run_xl

SEEDS = (3, 4)

# Name → what the card writes, the sampler here, steps, guidance and eta.
CARDS: dict[str, tuple[str, dict[str, Any], str, tuple[int, ...], float, float]] = {
    "SDXL Turbo": (
        "EulerAncestralDiscreteScheduler",
        {"timestep_spacing": "trailing"},
        "euler-ancestral-trailing",
        (1, 2, 4),
        0.0,
        0.0,
    ),
    "SDXL Lightning": (
        "EulerDiscreteScheduler",
        {"timestep_spacing": "trailing"},
        "euler-trailing",
        (2, 4, 8),
        0.0,
        0.0,
    ),
    "Hyper-SD": ("DDIMScheduler", {"timestep_spacing": "trailing"}, "ddim-trailing", (2, 4, 8), 0.0, 0.0),
    "Hyper-SD, one step": ("TCDScheduler", {}, "tcd", (1,), 0.0, 1.0),
    "TCD": ("TCDScheduler", {}, "tcd", (4,), 0.0, 0.3),
    "LCM-LoRA": ("LCMScheduler", {}, "lcm", (4,), 1.5, 0.0),
}


@pytest.mark.parametrize("card", CARDS)
def test_sdxl_as_model_cards_run_it(xl: XlModules, card: str) -> None:
    class_name, options, name, counts, guidance, eta = CARDS[card]
    for steps in counts:
        pipeline = xl.pipeline()
        scheduler = getattr(diffusers, class_name)
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **options)
        wanted = xl_request(xl, name, noise_xl(SEEDS), steps=steps, guidance=guidance, eta=eta)
        assert torch.equal(denoise(wanted, unet=xl.unet).samples, run_xl(pipeline, wanted, SEEDS))
        if eta and steps > 1:
            still = xl_request(xl, name, noise_xl(SEEDS), steps=steps, guidance=guidance)
            assert not torch.equal(
                denoise(wanted, unet=xl.unet).samples, denoise(still, unet=xl.unet).samples
            )


def test_a_scheduler_that_comes_with_a_turbo_model_needs_no_name(quiet: None, tmp_path: Path) -> None:
    own = {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}
    turbo = load_xl(write_tiny_xl(tmp_path / "turbo", scheduler=own))
    for name in (None, "euler-ancestral-trailing", "euler-ancestral"):
        wanted = xl_request(turbo, name, noise_xl(SEEDS), steps=2, guidance=0.0)
        assert torch.equal(denoise(wanted, unet=turbo.unet).samples, run_xl(turbo.pipeline(), wanted, SEEDS))


@pytest.mark.parametrize("guidance", [1.0, 8.5])
@pytest.mark.parametrize("steps", [1, 4, 8])
def test_a_latent_consistency_model(tiny_distilled: Modules, steps: int, guidance: float) -> None:
    wanted = request(tiny_distilled, SAMPLERS["lcm"], SEEDS, steps=steps, guidance=guidance)
    pipeline = tiny_distilled.pipeline("LatentConsistencyModelPipeline")
    pipeline.scheduler = diffusers.LCMScheduler.from_config(pipeline.scheduler.config)
    (positive,) = wanted.conditioning.positive
    theirs = pipeline(
        prompt_embeds=positive.embeddings,
        num_images_per_prompt=2,
        num_inference_steps=steps,
        guidance_scale=guidance,
        height=64,
        width=64,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        output_type="latent",
    ).images
    assert torch.equal(denoise(wanted, unet=tiny_distilled.unet).samples, theirs)


def test_timesteps_of_a_latent_consistency_model(tiny_distilled: Modules) -> None:
    own = (999, 699, 399, 99)
    wanted = request(tiny_distilled, SAMPLERS["lcm"], SEEDS, steps=4, timesteps=own, guidance=8.5)
    pipeline = tiny_distilled.pipeline("LatentConsistencyModelPipeline")
    pipeline.scheduler = diffusers.LCMScheduler.from_config(pipeline.scheduler.config)
    (positive,) = wanted.conditioning.positive
    theirs = pipeline(
        prompt_embeds=positive.embeddings,
        num_images_per_prompt=2,
        timesteps=list(own),
        guidance_scale=8.5,
        height=64,
        width=64,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        output_type="latent",
    ).images
    assert torch.equal(denoise(wanted, unet=tiny_distilled.unet).samples, theirs)


@pytest.mark.parametrize("guidance", [1.0, 8.0])
def test_an_sdxl_model_distilled_to_take_the_guidance_scale(
    quiet: None, tmp_path: Path, guidance: float
) -> None:
    """As LCM's SDXL UNet."""
    modules = load_xl(write_tiny_xl(tmp_path / "model", time_cond_proj_dim=9))
    pipeline = modules.pipeline()
    pipeline.scheduler = diffusers.LCMScheduler.from_config(pipeline.scheduler.config)
    wanted = xl_request(modules, "lcm", noise_xl(SEEDS), steps=4, guidance=guidance)
    made = denoise(wanted, unet=modules.unet).samples
    assert torch.equal(made, run_xl(pipeline, wanted, SEEDS))
    other = xl_request(modules, "lcm", noise_xl(SEEDS), steps=4, guidance=guidance + 1)
    assert not torch.allclose(made, denoise(other, unet=modules.unet).samples, atol=1e-3)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_tcd_from_a_picture(tiny: Modules, eta: float) -> None:
    from tests.diffusion.test_image_to_image import encoded, sketch

    wanted = request(
        tiny,
        SAMPLERS["tcd"],
        SEEDS,
        latent=encoded(tiny, [sketch(), sketch()]),
        strength=0.75,
        steps=4,
        eta=eta,
        guidance=0.0,
    )
    pipeline = tiny.pipeline("StableDiffusionImg2ImgPipeline")
    pipeline.scheduler = diffusers.TCDScheduler.from_config(pipeline.scheduler.config)
    given = {"image": [sketch(), sketch()], "strength": 0.75}
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, run_pipeline(pipeline, wanted, SEEDS, given))
