"""Soft masks: each place changes as strongly as the mask is white there (Differential Diffusion, arXiv:2306.00950)."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.inpaint import encode_for_inpaint
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.streams import draw_from, generators_of, streams_from_seeds
from sdflow.diffusion.vae import encode_image
from sdflow.values import Image, Latent, Mask, State
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import SPACE, request
from tests.diffusion.test_image_to_image import sketch

SEEDS = (3, 4)
STEPS = 5


def picture() -> Image:
    return Image(np.asarray(sketch())[None])


def grey(value: int) -> Mask:
    return Mask(np.full((1, 64, 64), value, dtype=np.uint8))


def ramp() -> Mask:
    """From black on the left to white on the right, in steps of a latent element."""
    columns = np.repeat(np.round(np.linspace(0, 255, 8)).astype(np.uint8), 8)
    return Mask(np.broadcast_to(columns, (1, 64, 64)).copy())


def latent(modules: Modules, mask: Mask, *, soft: bool = True) -> Latent:
    streams = streams_from_seeds(SEEDS)
    return encode_for_inpaint(modules.vae, picture(), mask, streams=streams, space=SPACE, soft=soft)


@pytest.mark.parametrize("name", ["ddim", "heun"])
@pytest.mark.parametrize("made", [1, 2, 5])
def test_one_grey_is_an_image_of_that_strength(tiny: Modules, name: str, made: int) -> None:
    """To the bit, for samplers that remember nothing of the steps before, and with the same order in memory."""
    plain = encode_image(tiny.vae, picture(), streams_from_seeds(SEEDS), SPACE)
    plain = replace(plain, samples=plain.samples.contiguous())
    wanted = request(tiny, SAMPLERS[name], latent=plain, strength=made / STEPS, steps=STEPS)
    theirs = denoise(wanted, unet=tiny.unet).samples
    whole = request(
        tiny, SAMPLERS[name], latent=latent(tiny, grey(made * 255 // STEPS)), strength=1.0, steps=STEPS
    )
    ours = denoise(whole, unet=tiny.unet).samples
    assert torch.equal(ours, theirs)


def differential(modules: Modules, keep: torch.Tensor, given: DenoiseRequest) -> torch.Tensor:
    """The loop of the paper, written out with diffusers' DDIM.

    In step i all that is to be kept for more than i / n of the schedule is replaced by the picture with the noise of
    that step. keep: float[1, 1, h, w], 1 keeps everything.
    """
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler.from_config(modules.scheduler_config)
    scheduler.set_timesteps(STEPS)
    streams = generators_of(given.latent.streams)
    original: torch.Tensor = given.latent.samples.contiguous()
    noise = draw_from(streams, tuple(original.shape[1:]))
    (positive,), (negative,) = given.conditioning.positive, given.conditioning.negative
    batch = len(original)
    prompts = torch.cat([side.embeddings.expand(batch, -1, -1) for side in (negative, positive)])
    sample = original
    with torch.inference_mode():
        for index, timestep in enumerate(scheduler.timesteps):
            noisy = scheduler.add_noise(original, noise, timestep.repeat(batch))
            kept = (keep > index / STEPS).float() if index else torch.ones_like(keep)
            sample = noisy * kept + sample * (1 - kept)
            predicted = modules.unet(
                torch.cat([sample] * 2), timestep, encoder_hidden_states=prompts, return_dict=False
            )[0]
            without, with_ = predicted.chunk(2)
            guided = without + given.guidance * (with_ - without)
            sample = scheduler.step(guided, timestep, sample, return_dict=False)[0]
    return sample


def test_equal_to_the_loop_of_the_paper(tiny: Modules) -> None:
    """Which frees a place one step earlier: one that is kept to 0.6 of 5 steps is last replaced in step 2, not in 3.

    Here a place of strength 0.4 does the two steps that a picture of strength 0.4 does, and one of 0 none.
    """
    soft = latent(tiny, ramp())
    wanted = request(tiny, SAMPLERS["ddim"], latent=soft, strength=1.0, steps=STEPS)
    strengths = ramp().pixels[0, 0, ::8].astype(np.float64) / 255
    keep = torch.from_numpy(1 - strengths + 1 / STEPS).float().view(1, 1, 1, 8).expand(1, 1, 8, 8)
    theirs = differential(tiny, keep, wanted)
    ours = denoise(wanted, unet=tiny.unet).samples
    moved = torch.from_numpy(strengths >= 1 / STEPS)
    assert 0 < moved.sum() < 8
    assert torch.equal(ours[..., moved], theirs[..., moved])
    assert torch.equal(ours[..., ~moved], soft.samples[..., ~moved])


def test_more_changes_where_the_mask_is_whiter(tiny: Modules) -> None:
    soft = latent(tiny, ramp())
    wanted = request(tiny, SAMPLERS["euler"], latent=soft, strength=1.0, steps=8)
    made = denoise(wanted, unet=tiny.unet).samples
    change = (made - soft.samples).abs().mean(dim=(0, 1, 2))
    assert change[0] == 0
    assert (change.diff() > 0).sum() >= 6


@pytest.mark.parametrize("name", ["ddim", "dpm++-2m"])
@pytest.mark.parametrize("kind", ["tiny", "tiny_inpaint"])
def test_a_split_run_and_a_resumed_run_are_the_whole_run(
    kind: str, name: str, request_: pytest.FixtureRequest
) -> None:
    modules: Modules = request_.getfixturevalue(kind)
    wanted = request(modules, SAMPLERS[name], latent=latent(modules, ramp()), strength=1.0, steps=STEPS)
    states: list[State] = []
    whole = denoise(wanted, unet=modules.unet, capture=lambda step: step == 3, on_state=states.append)
    assert torch.equal(denoise(wanted, unet=modules.unet, resume=states[0]).samples, whole.samples)
    if name != "ddim":
        return  # a sampler with a history begins a fresh one in the second part
    first = request(modules, SAMPLERS[name], latent=wanted.latent, strength=1.0, steps=STEPS, end_step=3)
    partly = Latent.decode(denoise(first, unet=modules.unet).encode())
    second = request(modules, SAMPLERS[name], latent=partly, steps=STEPS)
    assert torch.equal(denoise(second, unet=modules.unet).samples, whole.samples)


def test_black_stays_with_a_unet_that_is_shown_the_mask(tiny_inpaint: Modules) -> None:
    soft = latent(tiny_inpaint, ramp())
    wanted = request(tiny_inpaint, SAMPLERS["euler"], latent=soft, strength=1.0, steps=STEPS)
    made = denoise(wanted, unet=tiny_inpaint.unet).samples
    assert torch.equal(made[..., 0], soft.samples[..., 0])
    assert not torch.isclose(made[..., 7], soft.samples[..., 7]).any()


@pytest.mark.parametrize("kind", ["tiny", "tiny_inpaint"])
@pytest.mark.parametrize("soft", [False, True])
def test_a_mask_for_each_item(kind: str, soft: bool, request_: pytest.FixtureRequest) -> None:  # a table
    modules: Modules = request_.getfixturevalue(kind)
    masks = Mask(np.concatenate([ramp().pixels, ramp().pixels[:, ::-1, ::-1]]))
    both = request(
        modules, SAMPLERS["ddim"], latent=latent(modules, masks, soft=soft), strength=0.8, steps=STEPS
    )
    together = denoise(both, unet=modules.unet).samples
    for index in range(2):
        given = latent(modules, Mask(masks.pixels[index, None]), soft=soft)
        one = request(modules, SAMPLERS["ddim"], latent=given, strength=0.8, steps=STEPS)
        assert torch.equal(denoise(one, unet=modules.unet).samples[index], together[index])


@pytest.fixture
def request_(request: pytest.FixtureRequest) -> pytest.FixtureRequest:
    """`request` is taken by what a user asks of a denoise."""
    return request
