"""Editing a picture by instructions equals diffusers' pipelines, to the bit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.edit import latent_to_edit
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.problems import UserError
from sdflow.values import Conditioning, Image, Latent, State
from tests.diffusion import reference_xl
from tests.diffusion.conftest import Modules, XlModules
from tests.diffusion.reference import SPACE, conditioning, pipeline_with, request, run_pipeline
from tests.diffusion.test_image_to_image import sketch

SEEDS = (3, 4)
KIND = "StableDiffusionInstructPix2PixPipeline"
XL_KIND = "StableDiffusionXLInstructPix2PixPipeline"


def shown(
    modules: Modules | XlModules, seeds: tuple[int, ...] = SEEDS, *pictures: Any, **more: Any
) -> Latent:
    given = pictures or (sketch(height=64, width=96),)
    image = Image(np.stack([np.asarray(picture) for picture in given]))
    return latent_to_edit(modules.vae, image, streams=streams_from_seeds(seeds), **{"space": SPACE, **more})


def edit(modules: Modules, name: str, **fields: Any) -> DenoiseRequest:
    given = {"latent": shown(modules), "steps": 3, "image_guidance": 1.5, **fields}
    return request(modules, SAMPLERS[name], **given)


def told(wanted: DenoiseRequest, **more: Any) -> Mapping[str, Any]:
    return {"image": sketch(height=64, width=96), "image_guidance_scale": wanted.image_guidance, **more}


@pytest.mark.parametrize(
    ("name", "guidance", "image_guidance"),
    [
        ("euler-ancestral", 7.5, 1.5),
        ("euler-ancestral", 3.0, 1.0),
        ("ddim", 1.0, 1.5),
        ("pndm", 4.0, 2.5),
        ("dpm++-2m", 4.0, 1.5),
        ("heun", 0.0, 1.0),
    ],
)
def test_equal_to_the_pipeline(tiny_edit: Modules, name: str, guidance: float, image_guidance: float) -> None:
    wanted = edit(tiny_edit, name, guidance=guidance, image_guidance=image_guidance)
    theirs = run_pipeline(pipeline_with(tiny_edit, name, KIND), wanted, SEEDS, told(wanted))
    assert torch.equal(denoise(wanted, unet=tiny_edit.unet).samples, theirs)


def test_several_pictures(tiny_edit: Modules) -> None:
    """The pipeline encodes them at once, and sdflow one by one."""
    pictures = [sketch(seed, 64, 96) for seed in (1, 2)]
    (positive,), (negative,) = (getattr(conditioning(tiny_edit), side) for side in ("positive", "negative"))
    wanted = edit(tiny_edit, "euler", latent=shown(tiny_edit, SEEDS, *pictures))
    theirs = pipeline_with(tiny_edit, "euler", KIND)(
        prompt_embeds=positive.embeddings.repeat(2, 1, 1),
        negative_prompt_embeds=negative.embeddings.repeat(2, 1, 1),
        image=pictures,
        num_inference_steps=3,
        guidance_scale=3.0,
        image_guidance_scale=1.5,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        output_type="latent",
    ).images
    assert torch.allclose(denoise(wanted, unet=tiny_edit.unet).samples, theirs, atol=1e-4)


def test_picture_prompt_and_scales_matter(tiny_edit: Modules) -> None:
    other = conditioning(tiny_edit, "make it snowy")
    made = [
        denoise(edit(tiny_edit, "ddim", **fields), unet=tiny_edit.unet).samples
        for fields in (
            {},
            {"latent": shown(tiny_edit, SEEDS, sketch(5, 64, 96))},
            {"conditioning": other},
            {"image_guidance": 2.0},
            {"guidance": 4.0},
        )
    ]
    for place, one in enumerate(made):
        for another in made[:place]:
            assert not torch.allclose(one, another, atol=1e-3)


def test_several_prompts(tiny_edit: Modules) -> None:
    """A prompt combined with itself is itself."""
    (positive,), (negative,) = conditioning(tiny_edit).positive, conditioning(tiny_edit).negative
    several = Conditioning((positive, positive, positive), (negative, negative))
    one, other = (
        denoise(edit(tiny_edit, "ddim", **fields), unet=tiny_edit.unet).samples
        for fields in ({}, {"conditioning": several})
    )
    assert torch.allclose(one, other, atol=1e-4)


def test_a_split_run_and_a_resumed_run_are_the_whole_run(tiny_edit: Modules) -> None:
    states: list[State] = []
    wanted = edit(tiny_edit, "euler-ancestral", steps=4)
    whole = denoise(wanted, unet=tiny_edit.unet, capture=lambda step: step == 2, on_state=states.append)
    assert whole.beside is None
    assert torch.equal(whole.samples, denoise(wanted, unet=tiny_edit.unet, resume=states[0]).samples)
    partly = denoise(edit(tiny_edit, "euler-ancestral", steps=4, end_step=2), unet=tiny_edit.unet)
    rest = edit(tiny_edit, "euler-ancestral", steps=4, latent=Latent.decode(partly.encode()))
    assert torch.equal(whole.samples, denoise(rest, unet=tiny_edit.unet).samples)


@pytest.mark.parametrize(
    ("guidance", "rescale", "cosxl"), [(4.0, 0.0, False), (4.0, 0.7, True), (1.0, 0.0, True)]
)
def test_sdxl(xl_edit: XlModules, guidance: float, rescale: float, cosxl: bool) -> None:
    pipeline = reference_xl.pipeline_with(xl_edit, "euler", XL_KIND)
    pipeline.is_cosxl_edit = cosxl
    latent = shown(xl_edit, space=reference_xl.SPACE, scaled=cosxl)
    fields = {"guidance": guidance, "rescale": rescale, "image_guidance": 1.5, "steps": 3}
    wanted = reference_xl.request(xl_edit, "euler", latent, **fields)
    given = told(wanted, height=64, width=96)
    theirs = reference_xl.run_pipeline(pipeline, wanted, SEEDS, given)
    assert torch.equal(denoise(wanted, unet=xl_edit.unet).samples, theirs)


def test_pictures_for_another_batch(tiny_edit: Modules) -> None:
    with pytest.raises(UserError, match="SDF410 2 pictures for a batch of 3"):
        shown(tiny_edit, (1, 2, 3), sketch(), sketch())
