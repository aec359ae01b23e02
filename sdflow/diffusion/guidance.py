"""Classifier-free guidance (arXiv:2207.12598), as diffusers' Stable Diffusion pipelines compute it."""

from dataclasses import dataclass
from typing import Any

import torch

from sdflow.problems import problem
from sdflow.values import Conditioning, Entry


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the UNet is told besides latent and timestep, and how its predictions are put together.

    embeddings: float[2·batch, tokens, width], negative then positive, when `doubled`; else float[batch, …].
    distilled: float[batch, n], the guidance scale as a guidance-distilled UNet takes it; None for others.
    """

    scale: float
    rescale: float
    doubled: bool
    embeddings: torch.Tensor
    distilled: torch.Tensor | None

    def combine(self, prediction: torch.Tensor) -> torch.Tensor:
        """The guided prediction, float[batch, …], out of what the UNet returned."""
        if not self.doubled:
            return prediction
        negative, positive = prediction.chunk(2)
        guided = negative + self.scale * (positive - negative)
        return rescale_guided(guided, positive, self.rescale) if self.rescale > 0 else guided


def make_guidance(
    conditioning: Conditioning,
    unet: Any,
    *,
    scale: float,
    rescale: float,
    batch: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Guidance:
    """Embeddings for a batch. Guidance is on above a scale of 1, unless the UNet takes the scale as an input.

    Raises:
        UserError: SDF409, embeddings that do not fit the batch or each other.
    """
    width = unet.config.time_cond_proj_dim
    doubled = scale > 1 and width is None
    embeddings = _batch_of(conditioning.positive, batch)
    if doubled:
        negative = _batch_of(conditioning.negative, batch)
        if negative.shape[1:] != embeddings.shape[1:]:
            lengths = f"{embeddings.shape[1]} and {negative.shape[1]}"
            raise problem(
                "SDF409", f"prompt and negative prompt have {lengths} tokens: guidance needs the same"
            )
        embeddings = torch.cat([negative, embeddings])
    distilled = None
    if width is not None:
        scales = torch.tensor(scale - 1).repeat(batch)
        distilled = guidance_embedding(scales, width).to(device=device, dtype=dtype)
    return Guidance(scale, rescale, doubled, embeddings.to(device=device, dtype=dtype), distilled)


def rescale_guided(guided: torch.Tensor, positive: torch.Tensor, factor: float) -> torch.Tensor:
    """Pull the guided prediction's deviation towards that of the positive one (arXiv:2305.08891, 3.4)."""
    dims = list(range(1, positive.ndim))
    deviation = positive.std(dim=dims, keepdim=True)
    rescaled = guided * (deviation / guided.std(dim=dims, keepdim=True))
    return factor * rescaled + (1 - factor) * guided


def guidance_embedding(scales: torch.Tensor, width: int) -> torch.Tensor:
    """Sines and cosines of guidance scales, float32[n, width] (arXiv:2210.03142, as in diffusers)."""
    half = width // 2
    rate = torch.log(torch.tensor(10000.0)) / (half - 1)
    frequencies = torch.exp(torch.arange(half, dtype=torch.float32) * -rate)
    angles = (scales * 1000.0).to(torch.float32)[:, None] * frequencies[None, :]
    embedding = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
    return torch.nn.functional.pad(embedding, (0, width % 2))


def _batch_of(entries: tuple[Entry, ...], batch: int) -> torch.Tensor:
    """Embeddings of a batch: one prompt serves every item, several serve as many items each."""
    if len(entries) != 1:
        raise problem("SDF409", f"{len(entries)} embedded prompts where exactly one is understood")
    embeddings = entries[0].embeddings
    prompts, tokens, width = embeddings.shape
    if batch % prompts:
        raise problem(
            "SDF409", f"{prompts} prompts for a batch of {batch}", hint="give one, or one for each item"
        )
    return embeddings.repeat(1, batch // prompts, 1).view(batch, tokens, width)
