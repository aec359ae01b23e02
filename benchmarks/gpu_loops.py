"""The loops that are compared: sdflow's, the pipeline's in its own words, and the pipeline itself."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel

from benchmarks.gpu_models import Size
from sdflow.diffusion.denoise import DenoiseRequest, denoise
from sdflow.diffusion.streams import draw, streams_from_seeds
from sdflow.values import NOISE, Conditioning, Entry, Latent, LatentSpace

GUIDANCE = 7.5
SPACE = LatentSpace("sd", 4, 8)


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured with: the models, where they are, and how much there is to do."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    device: torch.device
    size: Size

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.unet.dtype
        return dtype

    def request(self, batch: int) -> DenoiseRequest:
        """Noise and random embeddings for a batch."""
        side = self.size.pixels // SPACE.factor
        samples, streams = draw(streams_from_seeds(range(batch)), (SPACE.channels, side, side))
        width = self.unet.config.cross_attention_dim
        generator = torch.Generator().manual_seed(1)
        prompt, negative = torch.randn((2, 1, 77, width), generator=generator).to(self.dtype)
        scheduler = {"_class_name": "PNDMScheduler", **pndm().config}
        return DenoiseRequest(
            latent=Latent(samples, streams, SPACE, NOISE),
            conditioning=Conditioning((Entry(prompt),), (Entry(negative),)),
            sampler=None,
            scheduler_config=scheduler,
            steps=self.size.steps,
            guidance=GUIDANCE,
        )


def pndm() -> PNDMScheduler:
    """The scheduler that Stable Diffusion 1.5 comes with."""
    return PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )


@torch.no_grad()
def reference_loop(bench: Bench, request: DenoiseRequest) -> torch.Tensor:
    """The loop of `StableDiffusionPipeline` in its own words."""
    batch = len(request.latent.samples)
    entries = (request.conditioning.negative[0], request.conditioning.positive[0])
    embeddings = torch.cat([entry.embeddings.repeat(batch, 1, 1) for entry in entries]).to(bench.device)
    scheduler = pndm()
    scheduler.set_timesteps(request.steps, device=bench.device)
    latents = request.latent.samples.to(bench.device, bench.dtype) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        given = scheduler.scale_model_input(torch.cat([latents] * 2), timestep)
        noise = bench.unet(given, timestep, encoder_hidden_states=embeddings, return_dict=False)[0]
        negative, positive = noise.chunk(2)
        guided = negative + request.guidance * (positive - negative)
        latents = scheduler.step(guided, timestep, latents, return_dict=False)[0]
    result: torch.Tensor = latents.float().cpu()
    return result


def pipeline_loop(bench: Bench) -> Callable[[DenoiseRequest], torch.Tensor] | None:
    """The pipeline itself, where transformers is there for it."""
    if find_spec("transformers") is None:
        return None
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline(
        bench.vae, None, None, bench.unet, pndm(), None, None, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)

    def run(request: DenoiseRequest) -> torch.Tensor:
        batch = len(request.latent.samples)
        latents: torch.Tensor = pipeline(
            prompt_embeds=request.conditioning.positive[0].embeddings.to(bench.device),
            negative_prompt_embeds=request.conditioning.negative[0].embeddings.to(bench.device),
            num_images_per_prompt=batch,
            height=bench.size.pixels,
            width=bench.size.pixels,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            latents=request.latent.samples.to(bench.device, bench.dtype),
            output_type="latent",
        ).images
        return latents.float().cpu()

    return run


def loops(bench: Bench, request: DenoiseRequest) -> dict[str, Callable[[], torch.Tensor]]:
    """Who takes turns."""
    made: dict[str, Callable[[], torch.Tensor]] = {
        "sdflow": lambda: denoise(request, unet=bench.unet, device=bench.device).samples,
        "loop as documented": lambda: reference_loop(bench, request),
    }
    pipeline = pipeline_loop(bench)
    if pipeline is not None:
        made["pipeline"] = lambda: pipeline(request)
    return made
