"""What a user of diffusers writes for each sampler, by hand from its documentation, and runs on both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import diffusers
import torch

from sdflow.diffusion.denoise import DenoiseRequest
from sdflow.diffusion.samplers import Sampler
from sdflow.diffusion.samplers.brownian import draw_path_seeds
from sdflow.diffusion.streams import draw, generators_of, streams_from_seeds
from sdflow.values import NOISE, Conditioning, Entry, Latent, LatentSpace
from tests.diffusion.conftest import Modules

SPACE = LatentSpace("sd", 4, 8)

KARRAS = {"use_karras_sigmas": True}
EXPONENTIAL = {"use_exponential_sigmas": True}
BETA = {"use_beta_sigmas": True}
TRAILING = {"timestep_spacing": "trailing"}
PLACEMENTS: dict[str, dict[str, Any]] = {
    "": {},
    "-karras": KARRAS,
    "-exponential": EXPONENTIAL,
    "-beta": BETA,
    "-trailing": TRAILING,
}
ALL = ("", "-karras", "-exponential", "-beta")

METHODS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "pndm": ("PNDMScheduler", {}, ("",)),
    "ddim": ("DDIMScheduler", {}, ("", "-trailing")),
    "ddpm": ("DDPMScheduler", {}, ("",)),
    "euler": ("EulerDiscreteScheduler", {}, (*ALL, "-trailing")),
    "euler-ancestral": ("EulerAncestralDiscreteScheduler", {}, ("", "-trailing")),
    "heun": ("HeunDiscreteScheduler", {}, ALL),
    "dpm2": ("KDPM2DiscreteScheduler", {}, ALL),
    "dpm2-ancestral": ("KDPM2AncestralDiscreteScheduler", {}, ALL),
    "lms": ("LMSDiscreteScheduler", {}, ALL),
    "dpm++-2m": ("DPMSolverMultistepScheduler", {}, (*ALL, "-trailing")),
    "dpm++-3m": ("DPMSolverMultistepScheduler", {"solver_order": 3}, ALL),
    "dpm++-2m-sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, ALL),
    "dpm++-2m-sde-heun": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "solver_type": "heun"},
        ALL,
    ),
    "dpm++-3m-sde": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "solver_order": 3},
        ALL,
    ),
    "dpm++-2s": ("DPMSolverSinglestepScheduler", {}, ALL),
    "dpm++-sde": ("DPMSolverSDEScheduler", {}, ALL),
    "unipc": ("UniPCMultistepScheduler", {}, (*ALL, "-trailing")),
    "deis": ("DEISMultistepScheduler", {}, ALL),
    "sa-solver": ("SASolverScheduler", {}, ALL),
    "lcm": ("LCMScheduler", {}, ("",)),
    "tcd": ("TCDScheduler", {}, ("",)),
}

AS_IN_DIFFUSERS: dict[str, tuple[str, dict[str, Any]]] = {
    method + placement: (class_name, {**options, **PLACEMENTS[placement]})
    for method, (class_name, options, placements) in METHODS.items()
    for placement in placements
}


def pipeline_with(modules: Modules, name: str | None, kind: str = "StableDiffusionPipeline") -> Any:
    """A pipeline with its scheduler exchanged, as its documentation shows."""
    pipeline = modules.pipeline(kind)
    if name is not None:
        class_name, options = AS_IN_DIFFUSERS[name]
        pipeline.scheduler = getattr(diffusers, class_name).from_config(pipeline.scheduler.config, **options)
    return pipeline


@cache
def conditioning(
    modules: Modules, prompt: str = "a horse on the moon", negative: str = "blurry"
) -> Conditioning:
    """Embeddings as the pipeline makes them."""
    with torch.no_grad():
        positive, unwanted = modules.pipeline().encode_prompt(prompt, "cpu", 1, True, negative)
    return Conditioning((Entry(positive),), (Entry(unwanted),))


def noise(seeds: Sequence[int], height: int = 8, width: int = 8) -> Latent:
    """Pure noise, one seed for each item."""
    samples, streams = draw(streams_from_seeds(seeds), (4, height, width))
    return Latent(samples, streams, SPACE, NOISE)


def request(
    modules: Modules, sampler: Sampler | None, seeds: Sequence[int] = (3, 4), **fields: Any
) -> DenoiseRequest:
    """Five steps of text to image, with anything changed."""
    made = DenoiseRequest(
        latent=noise(seeds),
        conditioning=conditioning(modules),
        sampler=sampler,
        scheduler_config=modules.scheduler_config,
        steps=5,
        guidance=3.0,
    )
    return replace(made, **fields)


def run_pipeline(
    pipeline: Any, wanted: DenoiseRequest, seeds: Sequence[int], given: Mapping[str, Any] | None = None
) -> torch.Tensor:
    """The latents of a pipeline for a request, float32[batch, 4, h, w]."""
    if hasattr(pipeline.scheduler, "noise_sampler_seed"):
        # Unseeded by default; sdflow draws a seed for each item from its stream, right after the latent's noise.
        pipeline.scheduler.noise_sampler_seed = draw_path_seeds(generators_of(wanted.latent.streams))
    height, width = wanted.latent.samples.shape[-2:]
    options = {"height": height * 8, "width": width * 8} if given is None else dict(given)
    batch = len(seeds)
    positive, negative = wanted.conditioning.positive[0], wanted.conditioning.negative[0]
    result: torch.Tensor = pipeline(
        prompt_embeds=positive.embeddings,
        negative_prompt_embeds=negative.embeddings,
        num_images_per_prompt=batch // len(positive.embeddings),
        num_inference_steps=wanted.steps,
        guidance_scale=wanted.guidance,
        eta=wanted.eta,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        output_type="latent",
        **options,
    ).images
    return result


class QuickUnet:
    """Stands in for a UNet where only the sampler is looked at: smooth, never linear, and done at once."""

    config = SimpleNamespace(time_cond_proj_dim=None, in_channels=4)
    dtype = torch.float32

    def __call__(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        *,
        encoder_hidden_states: torch.Tensor,
        **_more: object,
    ) -> tuple[torch.Tensor]:
        """A prediction that depends on everything it is given."""
        felt = encoder_hidden_states.mean(dim=(1, 2))[:, None, None, None]
        return (torch.tanh(sample * 0.7 + felt) + 0.1 * torch.cos(timestep.float() * 0.01 + sample.flip(-1)),)


QUICK = QuickUnet()
