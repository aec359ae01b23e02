"""SDXL's pipelines and sdflow's loop on the same modules, embeddings and streams."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import diffusers
import torch

from sdflow.diffusion.denoise import DenoiseRequest
from sdflow.diffusion.micro import Wishes, micro_conditioning
from sdflow.diffusion.samplers import SAMPLERS, as_written
from sdflow.diffusion.streams import draw, streams_from_seeds
from sdflow.diffusion.text import encode_prompts
from sdflow.values import NOISE, Conditioning, Latent, LatentSpace
from tests.diffusion.conftest import XlModules
from tests.diffusion.reference import AS_IN_DIFFUSERS
from tests.diffusion.test_text_xl import encoders_of

SPACE = LatentSpace("sdxl", 4, 8)


def pipeline_with(modules: XlModules, name: str | None, kind: str = "StableDiffusionXLPipeline") -> Any:
    """A pipeline with its scheduler exchanged, as its documentation shows."""
    pipeline = modules.pipeline(kind)
    if name is not None:
        class_name, options = AS_IN_DIFFUSERS[name]
        pipeline.scheduler = getattr(diffusers, class_name).from_config(pipeline.scheduler.config, **options)
    return pipeline


@cache
def conditioning(
    modules: XlModules, prompt: str = "a horse on the moon", negative: str | None = "blurry"
) -> Conditioning:
    """Embeddings and pooled text; without a negative prompt, that side is zeros."""
    encoders = encoders_of(modules)
    each = len(encoders)
    return encode_prompts(
        encoders, [[prompt]] * each, None if negative is None else [[negative]] * each, reading="penultimate"
    )


def noise(seeds: Sequence[int], height: int = 8, width: int = 8) -> Latent:
    """Pure noise, one seed for each item."""
    samples, streams = draw(streams_from_seeds(seeds), (4, height, width))
    return Latent(samples, streams, SPACE, NOISE)


def request(modules: XlModules, name: str | None, latent: Latent, **fields: Any) -> DenoiseRequest:
    """Four steps, with anything changed; `wishes` are the sizes that are told."""
    wishes = fields.pop("wishes", Wishes())
    height, width = latent.samples.shape[-2:]
    micro = micro_conditioning(
        wishes,
        height=8 * height,
        width=8 * width,
        scored=modules.refiner,
        of_picture=latent.level.kind == "clean",
    )
    made = DenoiseRequest(
        latent=latent,
        conditioning=conditioning(modules),
        sampler=None if name is None else SAMPLERS[name],
        scheduler_config=as_written(modules.scheduler_config),
        steps=4,
        guidance=3.0,
        micro=micro,
    )
    return replace(made, **fields)


def run_pipeline(
    pipeline: Any,
    wanted: DenoiseRequest,
    generators: Sequence[torch.Generator] | Sequence[int],
    given: Mapping[str, Any] | None = None,
) -> torch.Tensor:
    """The latents of a pipeline for a request, float32[batch, 4, h, w]."""
    height, width = wanted.latent.samples.shape[-2:]
    options = dict(given or {})
    if "image" not in options:
        options |= {"height": height * 8, "width": width * 8}
    (positive,), (negative,) = wanted.conditioning.positive, wanted.conditioning.negative
    result: torch.Tensor = pipeline(
        prompt_embeds=positive.embeddings,
        pooled_prompt_embeds=positive.pooled,
        negative_prompt_embeds=negative.embeddings,
        negative_pooled_prompt_embeds=negative.pooled,
        num_images_per_prompt=len(generators) // len(positive.embeddings),
        num_inference_steps=wanted.steps,
        guidance_scale=wanted.guidance,
        guidance_rescale=wanted.rescale,
        eta=wanted.eta,
        generator=[torch.Generator().manual_seed(it) if isinstance(it, int) else it for it in generators],
        output_type="latent",
        **options,
    ).images
    return result
