"""Text to image equals diffusers' pipeline around the same modules, bit for bit, on the CPU in float32."""

import pytest
import torch

from sdflow.diffusion.denoise import denoise
from sdflow.diffusion.samplers import SAMPLERS, canonical
from sdflow.values import Conditioning, Entry
from tests.diffusion.conftest import Modules
from tests.diffusion.reference import (
    AS_IN_DIFFUSERS,
    METHODS,
    conditioning,
    noise,
    pipeline_with,
    request,
    run_pipeline,
)

SEEDS = (3, 4)


def test_every_sampler_has_a_reference() -> None:
    assert set(SAMPLERS) == set(AS_IN_DIFFUSERS)


@pytest.mark.parametrize("name", AS_IN_DIFFUSERS)
def test_sampler(tiny: Modules, name: str) -> None:
    seeds, steps = (SEEDS, 5) if name in METHODS else (SEEDS[:1], 3)
    wanted = request(tiny, SAMPLERS[name], seeds, steps=steps)
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny, name), wanted, seeds))


@pytest.mark.parametrize("name", [*METHODS, "dpm++-2m-karras", "euler-karras"])
def test_v_prediction(tiny_v: Modules, name: str) -> None:
    wanted = request(tiny_v, SAMPLERS[name], (3,), steps=4)
    made = denoise(wanted, unet=tiny_v.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny_v, name), wanted, (3,)))


@pytest.mark.parametrize(
    "name", ["pndm", "ddim", "euler-ancestral", "dpm++-2m-karras", "unipc", "heun", None]
)
def test_trained_model(trained: Modules, name: str | None) -> None:
    wanted = request(trained, None if name is None else SAMPLERS[name], steps=6)
    made = denoise(wanted, unet=trained.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(trained, name), wanted, SEEDS))


def test_the_models_own_scheduler(tiny: Modules, tiny_v: Modules) -> None:
    for modules in (tiny, tiny_v):
        wanted = request(modules, None)
        made = denoise(wanted, unet=modules.unet)
        assert torch.equal(made.samples, run_pipeline(modules.pipeline(), wanted, SEEDS))


@pytest.mark.parametrize("name", ["ddim", "tcd"])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_eta(tiny: Modules, name: str, eta: float) -> None:
    wanted = request(tiny, SAMPLERS[name], eta=eta)
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny, name), wanted, SEEDS))
    if eta:
        assert not torch.equal(made.samples, denoise(request(tiny, SAMPLERS[name]), unet=tiny.unet).samples)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 1.01, 12.0])
def test_guidance(tiny: Modules, guidance: float) -> None:
    wanted = request(tiny, canonical("euler"), guidance=guidance)
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny, "euler"), wanted, SEEDS))


def test_guidance_needs_no_negative_prompt_up_to_1(tiny: Modules) -> None:
    wanted = request(tiny, canonical("ddim"), guidance=1.0)
    alone = Conditioning(wanted.conditioning.positive, ())
    with_negative = denoise(wanted, unet=tiny.unet)
    without = denoise(request(tiny, canonical("ddim"), guidance=1.0, conditioning=alone), unet=tiny.unet)
    assert torch.equal(with_negative.samples, without.samples)


@pytest.mark.parametrize("rescale", [0.3, 1.0])
def test_guidance_rescale(tiny: Modules, rescale: float) -> None:
    wanted = request(tiny, canonical("ddim"), rescale=rescale)
    pipeline = pipeline_with(tiny, "ddim")
    given = {"height": 64, "width": 64, "guidance_rescale": rescale}
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline, wanted, SEEDS, given))
    assert not torch.equal(made.samples, denoise(request(tiny, canonical("ddim")), unet=tiny.unet).samples)


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_a_unet_distilled_to_take_the_guidance_scale(tiny_distilled: Modules, guidance: float) -> None:
    wanted = request(tiny_distilled, canonical("lcm"), guidance=guidance)
    made = denoise(wanted, unet=tiny_distilled.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny_distilled, "lcm"), wanted, SEEDS))


def test_negative_prompt_and_prompt_matter(tiny: Modules) -> None:
    results = [
        denoise(request(tiny, None, conditioning=conditioning(tiny, *texts)), unet=tiny.unet).samples
        for texts in (("a horse", ""), ("a horse", "blurry"), ("a cat", ""))
    ]
    deviation = float(results[0].std())
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert float((results[one] - results[other]).std()) > 0.05 * deviation


@pytest.mark.parametrize(("height", "width"), [(8, 16), (16, 8), (12, 20)])
def test_not_square(tiny: Modules, height: int, width: int) -> None:
    wanted = request(tiny, canonical("euler-ancestral"), latent=noise(SEEDS, height, width), steps=3)
    made = denoise(wanted, unet=tiny.unet)
    assert made.samples.shape == (2, 4, height, width)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny, "euler-ancestral"), wanted, SEEDS))


@pytest.mark.parametrize("name", ["euler-ancestral", "dpm++-2m-sde", "dpm++-sde", "sa-solver", "lcm", "ddpm"])
def test_a_batch_of_three_has_a_stream_each(tiny: Modules, name: str) -> None:
    seeds = (7, 5, 9)
    wanted = request(tiny, SAMPLERS[name], latent=noise(seeds))
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny, name), wanted, seeds))
    alone = denoise(request(tiny, SAMPLERS[name], latent=noise(seeds[1:2])), unet=tiny.unet)
    assert torch.allclose(made.samples[1:2], alone.samples, rtol=1e-3, atol=1e-3)
    assert torch.equal(made.streams[1], alone.streams[0])


def test_a_prompt_for_each_item(tiny: Modules) -> None:
    one, other = conditioning(tiny, "a horse"), conditioning(tiny, "a cat", "ugly")
    both = Conditioning(
        (Entry(torch.cat([one.positive[0].embeddings, other.positive[0].embeddings])),),
        (Entry(torch.cat([one.negative[0].embeddings, other.negative[0].embeddings])),),
    )
    wanted = request(tiny, None, conditioning=both)
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(tiny.pipeline(), wanted, SEEDS))
    swapped = denoise(request(tiny, None, conditioning=one), unet=tiny.unet)
    assert not torch.allclose(made.samples[1], swapped.samples[1], atol=1e-3)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("name", METHODS)
def test_few_steps(tiny: Modules, name: str, steps: int) -> None:
    wanted = request(tiny, SAMPLERS[name], steps=steps, seeds=(1,))
    made = denoise(wanted, unet=tiny.unet)
    assert torch.equal(made.samples, run_pipeline(pipeline_with(tiny, name), wanted, (1,)))
