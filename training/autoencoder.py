"""The autoencoder: pictures of 128×128 pixels as latents of 4×16×16, and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

from training.backgrounds import SIDE
from training.chance import Chance
from training.config import Autoencoder
from training.family.config import FineAutoencoder
from training.fit import Trained, weights
from training.settings import Crops


def build_autoencoder(settings: Autoencoder) -> AutoencoderKL:
    """AutoencoderKL with random weights; its posterior begins narrow and its pictures pale."""
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=settings.channels,
        layers_per_block=settings.layers,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=SIDE,
        force_upcast=False,
    )
    with torch.no_grad():
        model.quant_conv.weight[4:] *= 0.1
        model.quant_conv.bias[4:] = -6.0
        model.decoder.conv_out.weight *= 0.3
    return model


class TrainedAutoencoder(Trained):
    """Absolute, squared and gradient error of the picture, and the divergence of the latents from a unit normal."""

    def __init__(self, settings: Autoencoder | FineAutoencoder, pictures: Path) -> None:
        super().__init__()
        self.settings = settings
        self.model = self.build(settings)
        self._path = pictures
        self._pictures = torch.empty(0)

    def build(self, settings: Any) -> AutoencoderKL:
        """The model to be trained."""
        return build_autoencoder(settings)

    def place(self, device: torch.device) -> None:
        """The pictures."""
        self._pictures = mapped(self._path).to(device)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of pixels, float[batch, 3, side, side] in [-1, 1]."""
        (pixels,) = batch
        posterior = self.model.encode(pixels).latent_dist
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        latent = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
        drawn = self.model.decode(latent.to(pixels.dtype)).sample.float()
        loss, error = picture_loss(drawn, pixels)
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        return loss + self.settings.kl * divergence, {
            "psnr": psnr(error),
            "kl": divergence,
            "std": mean.std(),
        }

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Crops as the settings have them at this time, half of them mirrored."""
        return (crops(self._pictures, current(self.settings.crops, progress), chance),)

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """The first and last convolutions, which map from and to pixels."""
        return frozenset(weights(self.model.encoder.conv_in, self.model.decoder.conv_out))


def picture_loss(drawn: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The loss, and the mean squared error in it."""
    squared = F.mse_loss(drawn, pixels)
    edges = sum(
        (F.l1_loss(drawn.diff(dim=axis), pixels.diff(dim=axis)) for axis in (-1, -2)), start=torch.zeros(())
    )
    return F.l1_loss(drawn, pixels) + 2 * squared + 0.5 * edges, squared


def psnr(squared: Tensor) -> Tensor:
    """In dB, of a mean squared error between pictures in [-1, 1]."""
    return -10 * torch.log10(squared.detach() / 4)


def current(plan: Sequence[Crops], progress: float) -> Crops:
    """The crops of this time."""
    return next((part for part in plan if progress < part.until), plan[-1])


def mapped(path: Path) -> Tensor:
    """An array of pictures on disk, uint8 [pictures, height, width, 3], read where it is looked at."""
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def crops(pictures: Tensor, wanted: Crops, chance: Chance) -> Tensor:
    """Pieces of random pictures, half of them mirrored: float[batch, 3, side, side] in [-1, 1]."""
    side, size = wanted.side, (wanted.batch, 1, 1)
    along = torch.arange(side, device=pictures.device)
    rows = chance.integers(pictures.shape[1] - side + 1, *size) + along[:, None]
    mirrored = chance.integers(2, *size) == 1
    columns = chance.integers(pictures.shape[2] - side + 1, *size) + torch.where(
        mirrored, along.flip(0), along
    )
    pieces = pictures[chance.integers(len(pictures), *size), rows, columns]
    return as_pixels(pieces)


def as_pixels(pictures: Tensor | npt.NDArray[np.uint8]) -> Tensor:
    """uint8 [batch, height, width, 3] as float[batch, 3, height, width] in [-1, 1]."""
    pixels = torch.as_tensor(pictures).permute(0, 3, 1, 2)
    return pixels.to(torch.float32, memory_format=torch.channels_last) / 127.5 - 1
