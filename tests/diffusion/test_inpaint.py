"""Painting into a picture equals diffusers' pipeline for UNets of nine channels and for ordinary ones, to the bit."""

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.inpaint import encode_for_inpaint
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.values import Image, Latent, Mask, State
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import SPACE, pipeline_with, request, run_pipeline
from tests.diffusion.test_image_to_image import sketch

SEEDS = (3, 4)
KIND = "StableDiffusionInpaintPipeline"
SAMPLERS_SEEN = ("pndm", "ddim", "euler", "euler-ancestral", "dpm++-2m", "heun", "lms")


def mask() -> Picture.Image:
    """The left half and a few lost pixels are painted anew; some pixels are nearly at the threshold."""
    pixels = np.zeros((64, 64), dtype=np.uint8)
    pixels[:, :32] = 255
    pixels[40, 50], pixels[16:24, 40:48], pixels[48:56, 40:48] = 255, 127, 128
    return Picture.fromarray(pixels)


def prepared(modules: Modules) -> Latent:
    image = Image(np.stack([np.asarray(sketch())]))
    painted = Mask(np.asarray(mask())[None])
    return encode_for_inpaint(modules.vae, image, painted, streams=streams_from_seeds(SEEDS), space=SPACE)


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
@pytest.mark.parametrize("name", SAMPLERS_SEEN)
@pytest.mark.parametrize("kind", ["tiny", "tiny_inpaint"])
def test_equal_to_the_pipeline(
    kind: str, name: str, strength: float, request_: pytest.FixtureRequest
) -> None:
    modules: Modules = request_.getfixturevalue(kind)
    wanted = request(modules, SAMPLERS[name], latent=prepared(modules), strength=strength, steps=4)
    given = {
        "image": [sketch()] * 2,
        "mask_image": [mask()] * 2,
        "strength": strength,
        "height": 64,
        "width": 64,
    }
    theirs = run_pipeline(pipeline_with(modules, name, KIND), wanted, SEEDS, given)
    assert torch.equal(denoise(wanted, unet=modules.unet).samples, theirs)


@pytest.mark.parametrize("strength", [0.75, 1.0])
@pytest.mark.parametrize("name", ["ddim", "euler-ancestral"])
@pytest.mark.parametrize("kind", ["tiny", "tiny_inpaint"])
def test_a_split_run_and_a_resumed_run_are_the_whole_run(
    kind: str, name: str, strength: float, request_: pytest.FixtureRequest
) -> None:
    modules: Modules = request_.getfixturevalue(kind)
    wanted = request(modules, SAMPLERS[name], latent=prepared(modules), strength=strength, steps=4)
    states: list[State] = []
    whole = denoise(wanted, unet=modules.unet, capture=lambda step: step == 3, on_state=states.append)
    resumed = denoise(wanted, unet=modules.unet, resume=states[0])
    assert torch.equal(whole.samples, resumed.samples)
    first = request(modules, SAMPLERS[name], latent=wanted.latent, strength=strength, steps=4, end_step=3)
    partly = denoise(first, unet=modules.unet)
    partly = Latent.decode(partly.encode())
    second = request(modules, SAMPLERS[name], latent=partly, steps=4)
    assert torch.equal(whole.samples, denoise(second, unet=modules.unet).samples)
    assert whole.beside is None


def test_what_is_outside_the_mask_stays(tiny: Modules) -> None:
    latent = prepared(tiny)
    wanted = request(tiny, SAMPLERS["euler"], latent=latent, strength=1.0, steps=4)
    made = denoise(wanted, unet=tiny.unet).samples
    stays = torch.zeros(8, 8, dtype=torch.bool)
    stays[:, 4:] = True
    stays[6, 5] = False
    assert torch.equal(made[..., stays], latent.samples[..., stays])
    assert not torch.isclose(made[..., ~stays], latent.samples[..., ~stays]).any()


@pytest.fixture
def request_(request: pytest.FixtureRequest) -> pytest.FixtureRequest:
    """`request` is taken by what a user asks of a denoise."""
    return request
