"""The small decoder for previews: AutoencoderTiny, taught with the autoencoder's latents.

As TAESD (https://github.com/madebyollin/taesd), which works on latents that are scaled already: its encoder learns to
give the autoencoder's mean, its decoder to give the picture.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, AutoencoderTiny
from torch import Tensor, nn

from training.autoencoder import crops, current, mapped, picture_loss, psnr
from training.chance import Chance
from training.config import TinyAutoencoder
from training.fit import Trained, weights


def build_tiny_autoencoder(settings: TinyAutoencoder) -> AutoencoderTiny:
    """AutoencoderTiny with random weights."""
    channels = (settings.channels,) * 4
    return AutoencoderTiny(
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        num_encoder_blocks=(1, 2, 2, 2),
        num_decoder_blocks=(2, 2, 2, 1),
        latent_channels=4,
        scaling_factor=1.0,
        force_upcast=False,
    )


class TrainedTinyAutoencoder(Trained):
    """Both halves at once: latents like the teacher's, and pictures from the teacher's latents."""

    def __init__(self, settings: TinyAutoencoder, teacher: Path, pictures: Path) -> None:
        super().__init__()
        self.settings = settings
        self.model = build_tiny_autoencoder(settings)
        self._paths = teacher, pictures
        self._teacher: list[AutoencoderKL] = []  # in a list, it is no part of what is trained and saved
        self._pictures = torch.empty(0)

    def place(self, device: torch.device) -> None:
        """The teacher and the pictures."""
        teacher, pictures = self._paths
        self._teacher = [
            AutoencoderKL.from_pretrained(teacher).to(device).eval().requires_grad_(requires_grad=False)
        ]
        self._pictures = mapped(pictures).to(device)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of pixels, float[batch, 3, side, side] in [-1, 1]."""
        (pixels,) = batch
        (teacher,) = self._teacher
        with torch.no_grad():
            latent = teacher.encode(pixels).latent_dist.mean.float() * teacher.config.scaling_factor
        guessed = self.model.encode(pixels).latents.float()
        noisy = latent + 0.05 * torch.randn_like(latent)
        drawn = self.model.decode(noisy.to(pixels.dtype)).sample.float()
        loss, error = picture_loss(drawn, pixels)
        away = F.mse_loss(guessed, latent)
        return loss + away, {"psnr": psnr(error), "latent error": away}

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Crops as the settings have them at this time."""
        return (crops(self._pictures, current(self.settings.crops, progress), chance),)

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """The first and last convolutions."""
        layers = [part for part in self.model.modules() if isinstance(part, nn.Conv2d)]
        edges = (part for part in layers if {3, 4} & {part.in_channels, part.out_channels})
        return frozenset(weights(*edges))
