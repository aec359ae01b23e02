"""The autoencoder of toybox-x4: pictures of 256×256 pixels as latents of 4×64×64, and back."""

import torch
from diffusers import AutoencoderKL

from training.autoencoder import TrainedAutoencoder
from training.family.config import FineAutoencoder


def build_fine_autoencoder(settings: FineAutoencoder) -> AutoencoderKL:
    """AutoencoderKL of factor 4 with random weights; its posterior begins narrow and its pictures pale."""
    levels = len(settings.channels)
    model = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=settings.channels,
        layers_per_block=settings.layers,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=256,
        force_upcast=False,
        mid_block_add_attention=False,  # among 64×64 places it would cost more than all else
    )
    with torch.no_grad():
        model.quant_conv.weight[4:] *= 0.1
        model.quant_conv.bias[4:] = -6.0
        model.decoder.conv_out.weight *= 0.3
    return model


class TrainedFineAutoencoder(TrainedAutoencoder):
    """As toybox's own is trained."""

    def build(self, settings: FineAutoencoder) -> AutoencoderKL:
        """The model to be trained."""
        return build_fine_autoencoder(settings)
