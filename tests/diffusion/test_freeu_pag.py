"""FreeU and perturbed-attention guidance equal diffusers' pipelines, to the bit, and leave the UNet as it was."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.freeu import FreeU
from sdflow.diffusion.pag import Pag, is_part_of, self_attentions
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.diffusion.vae import encode_image
from sdflow.models.checkpoint.published import published
from sdflow.values import Conditioning, Image, Latent, State
from tests.diffusion import reference_xl
from tests.diffusion.conftest import Modules, XlModules
from tests.diffusion.reference import conditioning, noise, pipeline_with, request, run_pipeline
from tests.diffusion.test_image_to_image import encoded, sketch

SEEDS = (3, 4)
FREEU = FreeU(0.9, 0.2, 1.2, 1.4)
MID = Pag(3.0, 0.0, ("mid",))


def of_size(modules: Modules, name: str, **fields: Any) -> DenoiseRequest:
    """A latent whose deepest level has several places, which attention could tell apart."""
    made = request(modules, SAMPLERS[name], **fields)
    return (
        made
        if "latent" in fields
        else request(modules, SAMPLERS[name], latent=noise(SEEDS, 16, 24), **fields)
    )


@pytest.mark.parametrize("name", ["pndm", "euler-ancestral"])
def test_freeu(tiny: Modules, name: str) -> None:
    wanted = request(tiny, SAMPLERS[name], freeu=FREEU, steps=3)
    pipeline = pipeline_with(tiny, name)
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    try:
        theirs = run_pipeline(pipeline, wanted, SEEDS)
    finally:
        pipeline.disable_freeu()
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, theirs)
    plain = denoise(request(tiny, SAMPLERS[name], steps=3), unet=tiny.unet).samples
    assert not torch.allclose(plain, theirs, atol=1e-3)


def test_freeu_of_sdxl(xl: XlModules) -> None:
    wanted = reference_xl.request(xl, "euler", reference_xl.noise(SEEDS), freeu=FREEU)
    pipeline = reference_xl.pipeline_with(xl, "euler")
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    try:
        theirs = reference_xl.run_pipeline(pipeline, wanted, SEEDS)
    finally:
        pipeline.disable_freeu()
    assert torch.equal(denoise(wanted, unet=xl.unet).samples, theirs)


def test_freeu_ends_with_a_run_that_fails(tiny: Modules) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    before = dict(tiny.unet.attn_processors)
    with pytest.raises(KeyboardInterrupt):
        denoise(of_size(tiny, "euler", freeu=FREEU, pag=MID), unet=tiny.unet, on_step=stop)
    assert all(getattr(block, "b1", None) is None for block in tiny.unet.up_blocks)
    assert tiny.unet.attn_processors == before


PAGS = {
    "mid": MID,
    "one level of the way down": Pag(2.0, 0.0, ("down_blocks.1",)),
    "two names": Pag(2.0, 0.0, ("mid", "up_blocks.1.attentions.0")),
    "falling": Pag(3.0, 0.005, ("mid", "down_blocks.0")),
}


def pag_pipeline(modules: Modules, name: str, pag: Pag, kind: str = "StableDiffusionPAGPipeline") -> Any:
    pipeline = pipeline_with(modules, name, kind)
    pipeline.set_pag_applied_layers(list(pag.layers))
    return pipeline


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("case", PAGS)
def test_pag(tiny: Modules, case: str, guidance: float) -> None:
    name, pag = "euler-ancestral" if guidance > 1 else "ddim", PAGS[case]
    wanted = of_size(tiny, name, pag=pag, guidance=guidance, steps=3)
    theirs = run_pipeline(pag_pipeline(tiny, name, pag), wanted, SEEDS, told(pag))
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, theirs)
    plain = of_size(tiny, name, guidance=guidance, steps=3)
    assert not torch.allclose(denoise(plain, unet=tiny.unet).samples, theirs, atol=1e-4)


def told(pag: Pag) -> dict[str, Any]:
    return {"height": 128, "width": 192, "pag_scale": pag.scale, "pag_adaptive_scale": pag.adaptive_scale}


def test_pag_with_guidance_rescale(tiny: Modules) -> None:
    wanted = of_size(tiny, "ddim", pag=MID, rescale=0.7, steps=3)
    given = {**told(MID), "guidance_rescale": 0.7}
    theirs = run_pipeline(pag_pipeline(tiny, "ddim", MID), wanted, SEEDS, given)
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, theirs)


def test_pag_from_a_picture(tiny: Modules) -> None:
    picture = sketch(height=128, width=192)
    latent = encoded(tiny, [picture, picture])
    wanted = request(tiny, SAMPLERS["euler"], latent=latent, strength=0.6, pag=MID)
    given = {"image": [picture, picture], "strength": 0.6, "pag_scale": 3.0}
    pipeline = pag_pipeline(tiny, "euler", MID, "StableDiffusionPAGImg2ImgPipeline")
    assert torch.equal(denoise(wanted, unet=tiny.unet).samples, run_pipeline(pipeline, wanted, SEEDS, given))


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_pag_of_sdxl(xl: XlModules, guidance: float) -> None:
    pag = Pag(3.0, 0.001, ("mid", "up_blocks.0.attentions.1"))
    latent = reference_xl.noise(SEEDS, 16, 24)
    wanted = reference_xl.request(xl, "euler", latent, pag=pag, guidance=guidance, rescale=0.3)
    pipeline = reference_xl.pipeline_with(xl, "euler", "StableDiffusionXLPAGPipeline")
    pipeline.set_pag_applied_layers(list(pag.layers))
    theirs = reference_xl.run_pipeline(pipeline, wanted, SEEDS, told(pag))
    assert torch.equal(denoise(wanted, unet=xl.unet).samples, theirs)


def test_pag_of_sdxl_from_a_picture(xl: XlModules) -> None:
    picture = sketch(height=128, width=192)
    image = Image(np.asarray(picture)[None])
    latent = encode_image(xl.vae, image, streams_from_seeds(SEEDS), reference_xl.SPACE)
    wanted = reference_xl.request(xl, "euler", latent, pag=MID, strength=0.6)
    pipeline = reference_xl.pipeline_with(xl, "euler", "StableDiffusionXLPAGImg2ImgPipeline")
    given = {"image": picture, "strength": 0.6, "pag_scale": 3.0}
    theirs = reference_xl.run_pipeline(pipeline, wanted, SEEDS, given)
    assert torch.equal(denoise(wanted, unet=xl.unet).samples, theirs)


def test_pag_of_several_prompts(tiny: Modules) -> None:
    """A prompt combined with itself is itself, and so is what is kept away from."""
    (positive,), (negative,) = conditioning(tiny).positive, conditioning(tiny).negative
    twice = Conditioning((positive, positive), (negative, negative, negative))
    one, several = (
        denoise(of_size(tiny, "ddim", pag=MID, steps=2, **given), unet=tiny.unet).samples
        for given in ({}, {"conditioning": twice})
    )
    assert torch.allclose(one, several, atol=1e-4)
    plain = denoise(of_size(tiny, "ddim", steps=2), unet=tiny.unet).samples
    assert not torch.allclose(one, plain, atol=1e-2)


@pytest.mark.parametrize("name", ["ddim", "euler-ancestral"])
def test_a_split_run_and_a_resumed_run_are_the_whole_run(tiny: Modules, name: str) -> None:
    fields: dict[str, Any] = {"pag": PAGS["falling"], "freeu": FREEU, "steps": 4}
    states: list[State] = []
    wanted = of_size(tiny, name, **fields)
    whole = denoise(wanted, unet=tiny.unet, capture=lambda step: step == 2, on_state=states.append).samples
    assert torch.equal(whole, denoise(wanted, unet=tiny.unet, resume=states[0]).samples)
    partly = denoise(of_size(tiny, name, **fields, end_step=2), unet=tiny.unet)
    rest = of_size(tiny, name, **fields, latent=Latent.decode(partly.encode()))
    assert torch.equal(whole, denoise(rest, unet=tiny.unet).samples)


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "sdxl-refiner", "x4-upscaler"])
def test_layers_are_known_while_planning(family: str) -> None:
    """What a configuration tells is what the UNet has, for every kind of published family."""
    config = dict(published(family, "unet"))
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config)
    there = {
        name
        for name, module in unet.named_modules()
        if name.endswith(".attn1") and not module.is_cross_attention
    }
    assert set(self_attentions(config)) == there
    assert there


@pytest.mark.parametrize(
    ("layer", "name", "is_part"),
    [
        ("mid", "mid_block.attentions.0.transformer_blocks.0.attn1", True),
        ("blocks.1", "down_blocks.1.attentions.0.transformer_blocks.0.attn1", True),
        ("transformer_blocks.1", "mid_block.attentions.0.transformer_blocks.10.attn1", False),
        ("down.blocks", "down_blocks.1.attentions.0.transformer_blocks.0.attn1", False),
    ],
)
def test_which_layers_a_name_means(layer: str, name: str, is_part: bool) -> None:
    assert is_part_of(layer, name) is is_part
