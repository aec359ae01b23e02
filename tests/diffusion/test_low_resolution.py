"""The x4 upscaler's latents equal those of diffusers' pipeline, to the bit."""

import numpy as np
import pytest
import torch

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.low_resolution import latent_of_small_picture
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.diffusion.vae import decode_latent
from sdflow.values import Image, LatentSpace
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import conditioning, pipeline_with, request
from tests.diffusion.test_image_to_image import sketch

SPACE = LatentSpace("sd-x4", 4, 4)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("noise_level", [0, 20, 350])
@pytest.mark.parametrize("name", ["ddim", "euler-ancestral", "dpm++-2m"])
def test_equal_to_the_pipeline(tiny_upscaler: Modules, name: str, noise_level: int, guidance: float) -> None:
    picture = sketch(height=16, width=24)
    pipeline = pipeline_with(tiny_upscaler, name, "StableDiffusionUpscalePipeline")
    latent = latent_of_small_picture(
        Image(np.asarray(picture)[None]),
        noise_level=noise_level,
        scheduler_config=dict(pipeline.low_res_scheduler.config, _class_name="DDPMScheduler"),
        streams=streams_from_seeds([7]),
        space=SPACE,
    )
    wanted = request(tiny_upscaler, SAMPLERS[name], latent=latent, steps=3, guidance=guidance)
    prompt = conditioning(tiny_upscaler)
    theirs = [
        pipeline(
            prompt_embeds=prompt.positive[0].embeddings,
            negative_prompt_embeds=prompt.negative[0].embeddings,
            image=picture,
            noise_level=noise_level,
            num_inference_steps=3,
            guidance_scale=guidance,
            generator=torch.Generator().manual_seed(7),
            output_type=kind,
        ).images
        for kind in ("latent", "np")
    ]
    made = denoise(wanted, unet=tiny_upscaler.unet)
    assert torch.equal(made.samples, theirs[0])
    pixels = decode_latent(tiny_upscaler.vae, made, slicing=False, tiling=None).pixels
    assert pixels.shape == (1, 64, 96, 3)
    assert np.array_equal(pixels, (theirs[1] * 255).round().astype(np.uint8))
