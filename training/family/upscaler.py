"""toybox-x4: a UNet that paints a picture at four times its size, in the layout of Stable Diffusion's x4 upscaler.

Seven channels: the noisy latent of the large picture, of factor 4, and the small picture itself, which has as many
places. Some noise is laid on the small picture; how much is told to the UNet as a class. What it predicts is the
velocity (https://arxiv.org/abs/2202.00512).
"""

from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.embeddings import get_timestep_embedding
from torch import Tensor, nn

from training.autoencoder import as_pixels
from training.chance import Chance
from training.family.config import Upscaler
from training.family.prompted import Lesson, TrainedOnToybox, prompt_width
from training.fit import weights

BETAS = {
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1_000,
}
"""Those of the published upscaler, for its latents and for the small picture."""
_LEVELS = 1_000


def build_upscaler(settings: Upscaler, width: int) -> UNet2DConditionModel:
    """UNet2DConditionModel with random weights, for prompts of `width`; levels of noise begin in their order."""
    down = ["CrossAttnDownBlock2D" if attends else "DownBlock2D" for attends in settings.attends]
    up = ["CrossAttnUpBlock2D" if attends else "UpBlock2D" for attends in reversed(settings.attends)]
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=7,
        out_channels=4,
        down_block_types=down,
        up_block_types=up,
        block_out_channels=settings.channels,
        layers_per_block=settings.layers,
        cross_attention_dim=width,
        # The field is called a dimension for historical reasons; for this class it is the number of heads.
        attention_head_dim=tuple(max(1, channels // settings.head) for channels in settings.channels),
        norm_num_groups=16,
        num_class_embeds=_LEVELS,
    )
    unet.set_attn_processor(AttnProcessor())
    table = unet.class_embedding.weight
    with torch.no_grad():
        table.copy_(0.1 * get_timestep_embedding(torch.arange(_LEVELS), table.shape[1]))
    return unet


class TrainedUpscaler(TrainedOnToybox):
    """The whole UNet, on pieces of pictures."""

    def __init__(self, settings: Upscaler, lesson: Lesson, small: Path) -> None:
        super().__init__(settings, lesson)
        self.upscaler, self._path = settings, small
        self.unet = build_upscaler(settings, prompt_width(lesson.toybox))
        self._small = torch.empty(0)
        self._alphas = DDPMScheduler(**BETAS).alphas_cumprod

    def place(self, device: torch.device) -> None:
        """The small pictures, too."""
        super().place(device)
        self._small = as_pixels(np.load(self._path)).to(device)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of noisy latents, their velocity, timesteps, token ids, small pictures and their levels of noise."""
        noisy, velocity, timesteps, tokens, small, levels = batch
        seen = torch.cat([noisy, small], 1)
        predicted = self.unet(seen, timesteps, self.said(tokens), class_labels=levels).sample
        errors = (predicted.float() - velocity).square().mean((1, 2, 3))
        ratio = self.ratio(timesteps)
        # Of the picture's error: min-SNR weights, but never below 1, for the small picture tells much of the large one
        # where there is nothing but noise yet.
        weights = ratio.clamp(1, self.settings.snr) / (ratio + 1)
        return (errors * weights).mean(), {"mse": errors.mean()}

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random pieces, and what their whole scene is called."""
        held, pieces = self._latents[0], self.upscaler.pieces
        side = next((it.side for it in pieces if progress < it.until), pieces[-1].side)
        count = max(1, self.settings.batch * pieces[0].side ** 2 // side**2)
        chosen = chance.integers(len(held.means), count)
        top, left = (chance.integers(held.means.shape[-1] - side + 1, count, 1) for _ in range(2))
        along = torch.arange(side, device=chance.device)
        rows, columns = (top + along)[:, None, :, None], (left + along)[:, None, None, :]
        planes = torch.arange(4, device=chance.device).view(1, 4, 1, 1)
        where = (chosen.view(-1, 1, 1, 1), planes, rows, columns)
        means, deviations = held.means[where].float(), held.deviations[where].float()
        latent = (means + deviations * chance.normal(*means.shape)) * self.scale
        small = self._small[chosen.view(-1, 1, 1, 1), planes[:, :3], rows, columns]
        levels = chance.integers(self.upscaler.noise, count)
        small = _noisy(small, chance.normal(*small.shape), self._alphas[levels])
        timesteps, noise = chance.integers(1_000, count), chance.normal(*latent.shape)
        alphas = self._alphas[timesteps]
        velocity = _noisy(noise, -latent, alphas)
        tokens = self._tokens[chosen]
        tokens[chance.uniform(count) < self.settings.unprompted] = self._nothing
        return _noisy(latent, noise, alphas), velocity, timesteps, tokens, small, levels

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """The convolutions from and to latents, and the table of levels."""
        return frozenset(weights(self.unet.conv_in, self.unet.conv_out, self.unet.class_embedding))


def _noisy(clean: Tensor, noise: Tensor, alphas: Tensor) -> Tensor:
    alpha = alphas.view(-1, 1, 1, 1)
    return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
