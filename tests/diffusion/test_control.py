"""ControlNets and T2I-Adapters equal diffusers' pipelines, to the bit. Nothing in the tiny networks is zero."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image as Picture

from sdflow.diffusion.control import Use, control_aids
from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.hints import Hint
from sdflow.diffusion.samplers import SAMPLERS
from sdflow.diffusion.streams import streams_from_seeds
from sdflow.diffusion.vae import encode_image
from sdflow.models.tiny_control import ControlKind, write_tiny_control
from sdflow.values import Conditioning, Image, Latent, Mask, State
from tests.diffusion import reference, reference_xl
from tests.diffusion.conftest import Modules, XlModules
from tests.diffusion.reference import SPACE, request
from tests.diffusion.test_image_to_image import sketch
from tests.diffusion.test_inpaint import mask, prepared

SEEDS = (3, 4)
Made = Callable[..., Any]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Networks for the UNet of some modules, each made once."""
    made: dict[tuple[str, ...], Any] = {}

    def net(modules: Any, kind: ControlKind = "controlnet", seed: int = 0, **settings: Any) -> Any:
        key = (str(modules.folder), kind, str(seed), json.dumps(settings))
        if key not in made:
            config = json.loads((modules.folder / "unet" / "config.json").read_text())
            folder = tmp_path_factory.mktemp("net")
            write_tiny_control(folder, config, kind, seed=seed, **settings)
            classes = {
                "controlnet": diffusers.ControlNetModel,
                "union": diffusers.ControlNetUnionModel,
                "adapter": diffusers.T2IAdapter,
            }
            made[key] = classes[kind].from_pretrained(folder).eval()
        return made[key]

    return net


def picture(seed: int, size: tuple[int, int] = (80, 72)) -> Picture.Image:
    """Noise of another size than the picture that is made."""
    rng = np.random.default_rng(seed)
    return Picture.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def hint(seed: int) -> Hint:
    return Hint(Image(np.asarray(picture(seed))[None]))


def ours(wanted: DenoiseRequest, unet: Any, uses: Sequence[Use], **more: Any) -> torch.Tensor:
    batch, _, height, width = wanted.latent.samples.shape
    aids = control_aids(uses, batch=batch, width=width * 8, height=height * 8)
    return denoise(wanted, unet=unet, aids=aids, **more).samples


def theirs(
    modules: Modules,
    kind: str,
    net: Any,
    wanted: DenoiseRequest,
    given: Mapping[str, Any],
    name: str = "ddim",
) -> torch.Tensor:
    parts = reference.pipeline_with(modules, name).components
    part = "adapter" if "Adapter" in kind else "controlnet"
    if part == "adapter":
        del parts["image_encoder"]
    pipeline = getattr(diffusers, kind)(**parts, **{part: net}, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return reference.run_pipeline(pipeline, wanted, SEEDS, {"height": 64, "width": 64, **given})


@pytest.fixture
def request_(request: pytest.FixtureRequest) -> pytest.FixtureRequest:
    return request


KIND = "StableDiffusionControlNetPipeline"


@pytest.mark.parametrize("name", ["ddim", "pndm", "heun", "euler-ancestral"])
def test_one(tiny: Modules, nets: Made, name: str) -> None:
    wanted, net = request(tiny, SAMPLERS[name], steps=3), nets(tiny)
    given = {"image": picture(1), "controlnet_conditioning_scale": 0.7}
    made = ours(wanted, tiny.unet, [Use(net, hint(1), 0.7)])
    assert torch.equal(made, theirs(tiny, KIND, net, wanted, given, name))
    assert not torch.allclose(made, denoise(wanted, unet=tiny.unet).samples, atol=1e-3)


def test_one_of_stable_diffusion_2(tiny_v: Modules, nets: Made) -> None:
    wanted, net = request(tiny_v, SAMPLERS["ddim"], steps=2), nets(tiny_v)
    made = ours(wanted, tiny_v.unet, [Use(net, hint(1))])
    assert torch.equal(made, theirs(tiny_v, KIND, net, wanted, {"image": picture(1)}))


@pytest.mark.parametrize("name", ["ddim", "heun", "pndm"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (0.34, 1.0), (0.2, 0.81)])
def test_for_a_part_of_the_run(tiny: Modules, nets: Made, name: str, start: float, end: float) -> None:
    wanted, net = request(tiny, SAMPLERS[name], steps=5), nets(tiny)
    given = {"image": picture(1), "control_guidance_start": start, "control_guidance_end": end}
    made = ours(wanted, tiny.unet, [Use(net, hint(1), start=start, end=end)])
    assert torch.equal(made, theirs(tiny, KIND, net, wanted, given, name))


def test_two_with_parts_of_their_own(tiny: Modules, nets: Made) -> None:
    wanted, two = request(tiny, SAMPLERS["ddim"], steps=4), [nets(tiny), nets(tiny, seed=1)]
    given = {
        "image": [picture(1), picture(2)],
        "controlnet_conditioning_scale": [0.7, 1.2],
        "control_guidance_start": [0.0, 0.5],
        "control_guidance_end": [0.5, 1.0],
    }
    uses = [Use(two[0], hint(1), 0.7, 0.0, 0.5), Use(two[1], hint(2), 1.2, 0.5, 1.0)]
    assert torch.equal(ours(wanted, tiny.unet, uses), theirs(tiny, KIND, two, wanted, given))
    together = [replace(use, start=0.0, end=1.0) for use in uses]
    given |= {"control_guidance_start": 0.0, "control_guidance_end": 1.0}
    assert torch.equal(ours(wanted, tiny.unet, together), theirs(tiny, KIND, two, wanted, given))


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("pools", [False, True])
def test_guess_mode(tiny: Modules, nets: Made, guidance: float, pools: bool) -> None:
    net = nets(tiny, global_pool_conditions=pools)
    wanted = request(tiny, SAMPLERS["ddim"], steps=2, guidance=guidance)
    given = {"image": picture(1), "guess_mode": not pools}
    made = ours(wanted, tiny.unet, [Use(net, hint(1), guess=not pools)])
    assert torch.equal(made, theirs(tiny, KIND, net, wanted, given))


def test_a_picture_for_each_item(tiny: Modules, nets: Made) -> None:
    net = nets(tiny)
    one = reference.conditioning(tiny)
    both = Conditioning(
        tuple(replace(it, embeddings=it.embeddings.repeat(2, 1, 1)) for it in one.positive),
        tuple(replace(it, embeddings=it.embeddings.repeat(2, 1, 1)) for it in one.negative),
    )
    wanted = request(tiny, SAMPLERS["ddim"], steps=2, conditioning=both)
    pictures = [picture(1), picture(2)]
    two = Hint(Image(np.stack([np.asarray(it) for it in pictures])))
    made = ours(wanted, tiny.unet, [Use(net, two)])
    assert torch.equal(made, theirs(tiny, KIND, net, wanted, {"image": pictures}))


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_image_to_image(tiny: Modules, nets: Made, strength: float) -> None:
    net = nets(tiny)
    image = Image(np.asarray(sketch())[None])
    latent = encode_image(tiny.vae, image, streams_from_seeds(SEEDS), SPACE)
    wanted = request(tiny, SAMPLERS["ddim"], steps=4, latent=latent, strength=strength)
    given = {
        "image": [sketch()] * 2,
        "control_image": picture(1),
        "strength": strength,
        "control_guidance_end": 0.5,
        "controlnet_conditioning_scale": 0.7,
    }
    made = ours(wanted, tiny.unet, [Use(net, hint(1), 0.7, end=0.5)])
    assert torch.equal(made, theirs(tiny, "StableDiffusionControlNetImg2ImgPipeline", net, wanted, given))


@pytest.mark.parametrize("kind", ["tiny", "tiny_inpaint"])
def test_inpaint(kind: str, nets: Made, request_: pytest.FixtureRequest) -> None:
    modules: Modules = request_.getfixturevalue(kind)
    net = nets(modules)
    wanted = request(modules, SAMPLERS["ddim"], latent=prepared(modules), strength=0.75, steps=4)
    pixels = np.array(picture(1, (64, 64)))
    known = np.asarray(mask()) < 128
    masked = torch.from_numpy(np.where(known[..., None], pixels.astype(np.float32) / 255, np.float32(-1)))
    given = {
        "image": [sketch()] * 2,
        "mask_image": [mask()] * 2,
        "control_image": masked.permute(2, 0, 1)[None],
        "strength": 0.75,
        "controlnet_conditioning_scale": 0.7,
    }
    seen = Hint(Image(pixels[None]), Mask(np.asarray(mask())[None]))
    made = ours(wanted, modules.unet, [Use(net, seen, 0.7)])
    assert torch.equal(made, theirs(modules, "StableDiffusionControlNetInpaintPipeline", net, wanted, given))


@pytest.mark.parametrize("channels", [3, 1])
def test_t2i_adapter(tiny: Modules, nets: Made, channels: int) -> None:
    net, wanted = nets(tiny, "adapter", in_channels=channels), request(tiny, SAMPLERS["ddim"], steps=2)
    seen = picture(1) if channels == 3 else picture(1).convert("L")
    given = {"image": seen, "adapter_conditioning_scale": 0.8}
    shown = Hint(Image(np.asarray(seen.convert("RGB"))[None]))
    made = ours(wanted, tiny.unet, [Use(net, shown, 0.8)])
    assert torch.equal(made, theirs(tiny, "StableDiffusionAdapterPipeline", net, wanted, given))
    assert not torch.allclose(made, denoise(wanted, unet=tiny.unet).samples, atol=1e-3)


def test_a_light_t2i_adapter(tiny: Modules, nets: Made) -> None:
    """It is for UNets whose last two levels are alike, as those of all families are."""
    with torch.random.fork_rng():
        unet = (
            type(tiny.unet).from_config({**tiny.unet.config, "block_out_channels": [16, 32, 64, 64]}).eval()
        )
    tiny = replace(tiny, unet=unet)
    net = nets(tiny, "adapter", adapter_type="light_adapter", channels=[16, 32, 64], num_res_blocks=2)
    wanted = request(tiny, SAMPLERS["ddim"], steps=2)
    given = {"image": picture(1), "adapter_conditioning_scale": 0.8}
    made = ours(wanted, tiny.unet, [Use(net, hint(1), 0.8)])
    assert torch.equal(made, theirs(tiny, "StableDiffusionAdapterPipeline", net, wanted, given))
    assert not torch.allclose(made, denoise(wanted, unet=tiny.unet).samples, atol=1e-3)


def test_two_t2i_adapters(tiny: Modules, nets: Made) -> None:
    two, wanted = [nets(tiny, "adapter", seed) for seed in (0, 1)], request(tiny, SAMPLERS["ddim"], steps=2)
    given = {"image": [picture(1), picture(2)], "adapter_conditioning_scale": [0.8, 0.5]}
    uses = [Use(two[0], hint(1), 0.8), Use(two[1], hint(2), 0.5)]
    both = diffusers.MultiAdapter(two)
    made = ours(wanted, tiny.unet, uses)
    assert torch.equal(made, theirs(tiny, "StableDiffusionAdapterPipeline", both, wanted, given))


def test_both_kinds_at_once_are_neither_alone(tiny: Modules, nets: Made) -> None:
    wanted = request(tiny, SAMPLERS["ddim"], steps=2)
    uses = [Use(nets(tiny), hint(1)), Use(nets(tiny, "adapter"), hint(2))]
    both, *alone = (ours(wanted, tiny.unet, it) for it in (uses, uses[:1], uses[1:]))
    assert all(not torch.allclose(both, it, atol=1e-3) for it in alone)


def theirs_xl(
    modules: XlModules, kind: str, net: Any, wanted: DenoiseRequest, given: Mapping[str, Any]
) -> torch.Tensor:
    parts = reference_xl.pipeline_with(modules, "ddim").components
    part = "adapter" if "Adapter" in kind else "controlnet"
    settings = {} if part == "adapter" else {"add_watermarker": False}
    pipeline = getattr(diffusers, kind)(**parts, **{part: net}, **settings)
    pipeline.set_progress_bar_config(disable=True)
    positive, negative = wanted.conditioning.positive[0], wanted.conditioning.negative[0]
    result: torch.Tensor = pipeline(
        prompt_embeds=positive.embeddings,
        pooled_prompt_embeds=positive.pooled,
        negative_prompt_embeds=negative.embeddings,
        negative_pooled_prompt_embeds=negative.pooled,
        num_images_per_prompt=2,
        num_inference_steps=wanted.steps,
        guidance_scale=wanted.guidance,
        generator=[torch.Generator().manual_seed(seed) for seed in SEEDS],
        output_type="latent",
        height=64,
        width=64,
        **given,
    ).images
    return result


@pytest.mark.parametrize("guess", [False, True])
def test_sdxl(xl: XlModules, nets: Made, guess: bool) -> None:
    wanted, net = reference_xl.request(xl, "ddim", reference_xl.noise(SEEDS), steps=2), nets(xl)
    given = {"image": picture(1), "controlnet_conditioning_scale": 0.7, "guess_mode": guess}
    made = ours(wanted, xl.unet, [Use(net, hint(1), 0.7, guess=guess)])
    assert torch.equal(made, theirs_xl(xl, "StableDiffusionXLControlNetPipeline", net, wanted, given))


def test_sdxl_image_to_image(xl: XlModules, nets: Made) -> None:
    image = Image(np.asarray(sketch())[None])
    latent = encode_image(xl.vae, image, streams_from_seeds(SEEDS), reference_xl.SPACE)
    wanted, net = reference_xl.request(xl, "ddim", latent, strength=0.5), nets(xl)
    given = {"image": [sketch()] * 2, "control_image": picture(1), "strength": 0.5}
    given["controlnet_conditioning_scale"] = 0.7
    made = ours(wanted, xl.unet, [Use(net, hint(1), 0.7)])
    assert torch.equal(made, theirs_xl(xl, "StableDiffusionXLControlNetImg2ImgPipeline", net, wanted, given))


@pytest.mark.parametrize(("start", "end"), [(0.25, 0.5), (0.0, 0.25), (0.25, 1.0)])
def test_a_part_of_the_run_is_one_of_the_whole_schedule(
    xl: XlModules, nets: Made, start: float, end: float
) -> None:
    """A run that stops halfway counts the steps as the whole one: the pipeline does so with `denoising_end`."""
    wanted, net = reference_xl.request(xl, "ddim", reference_xl.noise(SEEDS), steps=4), nets(xl)
    given = {
        "image": picture(1),
        "denoising_end": 0.5,
        "control_guidance_start": start,
        "control_guidance_end": end,
    }
    made = ours(replace(wanted, end_step=2), xl.unet, [Use(net, hint(1), start=start, end=end)])
    assert torch.equal(made, theirs_xl(xl, "StableDiffusionXLControlNetPipeline", net, wanted, given))


@pytest.mark.parametrize("end", [1.0, 0.5])
def test_sdxl_t2i_adapter(xl: XlModules, nets: Made, end: float) -> None:
    wanted, net = reference_xl.request(xl, "ddim", reference_xl.noise(SEEDS)), nets(xl, "adapter")
    given = {"image": picture(1), "adapter_conditioning_scale": 0.8, "adapter_conditioning_factor": end}
    made = ours(wanted, xl.unet, [Use(net, hint(1), 0.8, end=end)])
    assert torch.equal(made, theirs_xl(xl, "StableDiffusionXLAdapterPipeline", net, wanted, given))


@pytest.mark.parametrize("modes", [(3,), (0, 3)])
@pytest.mark.parametrize("guess", [False, True])
def test_union(xl: XlModules, nets: Made, modes: tuple[int, ...], guess: bool) -> None:
    # With guidance, the pipeline's own guess mode fails for unions: it counts the rows of both sides.
    guidance = 1.0 if guess else 3.0
    wanted = reference_xl.request(xl, "ddim", reference_xl.noise(SEEDS), steps=2, guidance=guidance)
    net = nets(xl, "union")
    scales = [0.7, 0.9][: len(modes)]
    given = {
        "control_image": [picture(seed) for seed in modes],
        "control_mode": list(modes),
        "controlnet_conditioning_scale": scales,
        "guess_mode": guess,
    }
    uses = [
        Use(net, hint(mode), scale, guess=guess, mode=mode) for mode, scale in zip(modes, scales, strict=True)
    ]
    made = ours(wanted, xl.unet, uses)
    assert torch.equal(made, theirs_xl(xl, "StableDiffusionXLControlNetUnionPipeline", net, wanted, given))


@pytest.mark.parametrize("name", ["ddim", "heun"])
def test_a_split_and_a_resumed_run_are_the_whole_run(tiny: Modules, nets: Made, name: str) -> None:
    uses = [Use(nets(tiny), hint(1), 0.7, 0.2, 0.8), Use(nets(tiny, "adapter"), hint(2), end=0.6)]
    wanted = request(tiny, SAMPLERS[name], steps=5)
    states: list[State] = []
    whole = ours(wanted, tiny.unet, uses, capture=lambda step: step == 3, on_state=states.append)
    assert torch.equal(whole, ours(wanted, tiny.unet, uses, resume=states[0]))
    aids = control_aids(uses, batch=2, width=64, height=64)
    partly = denoise(replace(wanted, end_step=3), unet=tiny.unet, aids=aids)
    rest = replace(wanted, latent=Latent.decode(partly.encode()))
    assert torch.equal(whole, ours(rest, tiny.unet, uses))
