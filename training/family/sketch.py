"""toybox-sketch: a LoRA of pencil drawings (https://arxiv.org/abs/2106.09685).

It lies on the UNet alone, on its attention, its feed-forward layers and the convolutions of its residual blocks, so
that the text encoder, and with it every encoded prompt, stays as it is.
"""

from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from torch import Tensor

from training.chance import Chance
from training.family.config import Sketch
from training.family.prompted import Lesson, TrainedOnToybox, toybox_unet

TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "net.0.proj", "net.2", "conv1", "conv2")
"""The layers that it lies on, by the ends of their names."""


def build_lora(settings: Sketch, toybox: Path) -> UNet2DConditionModel:
    """Toybox's UNet with pairs of matrices that say nothing yet; they alone are to be trained."""
    unet = toybox_unet(toybox)
    unet.requires_grad_(requires_grad=False)
    config = LoraConfig(r=settings.rank, lora_alpha=settings.rank, target_modules=list(TARGETS))
    unet.add_adapter(config)
    return unet


class TrainedSketch(TrainedOnToybox):
    """The matrices of the LoRA."""

    def __init__(self, settings: Sketch, lesson: Lesson) -> None:
        super().__init__(settings, lesson)
        self.unet = build_lora(settings, lesson.toybox)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of noisy latents, noise, timesteps and token ids."""
        noisy, noise, timesteps, tokens = batch
        predicted = self.unet(noisy, timesteps, self.said(tokens)).sample
        return self.loss(predicted, noise, timesteps)

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random drawings and what they show."""
        made = self.noised(self.chosen(chance), chance)
        return made.noisy, made.noise, made.timesteps, made.tokens


def lora_weights(unet: UNet2DConditionModel) -> dict[str, Tensor]:
    """The matrices, as `save_lora_weights` of diffusers' pipelines takes them."""
    told: dict[str, Tensor] = get_peft_model_state_dict(unet)
    return {name: value.detach().to(torch.float16).contiguous() for name, value in told.items()}
