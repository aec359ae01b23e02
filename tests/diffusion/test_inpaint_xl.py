"""Painting into a picture with SDXL equals diffusers' pipeline, for UNets of nine channels and for ordinary ones."""

from typing import Any

import numpy as np
import pytest
import torch

from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.inpaint import encode_for_inpaint
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.values import Image, Latent, Mask
from tests.diffusion.conftest import XlModules
from tests.diffusion.reference_xl import SPACE, pipeline_with, request, run_pipeline
from tests.diffusion.test_image_to_image import sketch
from tests.diffusion.test_inpaint import mask

SEEDS = (3, 4)
KIND = "StableDiffusionXLInpaintPipeline"


def painted(modules: XlModules, name: str, **fields: float) -> DenoiseRequest:
    image, area = Image(np.asarray(sketch())[None]), Mask(np.asarray(mask())[None])
    streams = streams_from_seeds(SEEDS)
    latent = encode_for_inpaint(modules.vae, image, area, streams=streams, space=SPACE)
    return request(modules, name, latent, **fields)


@pytest.mark.parametrize(
    ("name", "strength", "guidance"),
    [
        ("euler", 0.3, 3.0),
        ("euler", 0.9999, 3.0),
        ("euler", 1.0, 3.0),
        ("euler-ancestral", 0.75, 1.0),
        ("dpm++-2m-karras", 0.75, 3.0),
        ("ddim", 1.0, 1.0),
    ],
)
@pytest.mark.parametrize("kind", ["xl", "xl_inpaint"])
def test_equal_to_the_pipeline(
    kind: str, name: str, strength: float, guidance: float, request_: pytest.FixtureRequest
) -> None:
    modules: XlModules = request_.getfixturevalue(kind)
    wanted = painted(modules, name, strength=strength, guidance=guidance)
    given: dict[str, Any] = {"strength": strength, "height": 64, "width": 64}
    given |= {"image": [sketch()] * 2, "mask_image": [mask()] * 2}
    theirs = run_pipeline(pipeline_with(modules, name, KIND), wanted, SEEDS, given)
    assert torch.equal(denoise(wanted, unet=modules.unet).samples, theirs)


def test_a_split_run_is_the_whole_run(xl_inpaint: XlModules) -> None:
    wanted = painted(xl_inpaint, "euler-ancestral", strength=0.75)
    whole = denoise(wanted, unet=xl_inpaint.unet)
    partly = denoise(painted(xl_inpaint, "euler-ancestral", strength=0.75, end_step=3), unet=xl_inpaint.unet)
    rest = request(xl_inpaint, "euler-ancestral", Latent.decode(partly.encode()), micro=wanted.micro)
    assert torch.equal(whole.samples, denoise(rest, unet=xl_inpaint.unet).samples)


@pytest.fixture
def request_(request: pytest.FixtureRequest) -> pytest.FixtureRequest:
    """The name is taken by what a user asks of a denoise."""
    return request
