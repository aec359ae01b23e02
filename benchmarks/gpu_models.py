"""Stable Diffusion 1.5's UNet and autoencoder by their published configurations, with random weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is: configurations, pixels along a side, steps, batches, side of the measured matrices."""

    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    pixels: int
    steps: int
    batches: tuple[int, ...]
    matmul: int


_UNET = {
    "sample_size": 64,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "down_block_types": (*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"),
    "up_block_types": ("UpBlock2D", *["CrossAttnUpBlock2D"] * 3),
}
_VAE = {
    "sample_size": 512,
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "scaling_factor": 0.18215,
}

REAL = Size(_UNET, _VAE, 512, 25, (1, 4, 16), 8192)
SMALL = Size(
    {
        **_UNET,
        "sample_size": 8,
        "block_out_channels": (16, 32, 32, 64),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "cross_attention_dim": 32,
        "attention_head_dim": 4,
    },
    {
        **_VAE,
        "sample_size": 64,
        "block_out_channels": (16, 16, 32, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
    },
    64,
    2,
    (1, 2),
    256,
)


def random_models(size: Size, device: torch.device) -> tuple[UNet2DConditionModel, AutoencoderKL]:
    """Both models on a device, in float16 on a GPU, ready to be used."""
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    torch.manual_seed(0)
    with torch.device(device):
        unet, vae = UNet2DConditionModel(**size.unet), AutoencoderKL(**size.vae)
    return unet.to(dtype).eval(), vae.to(dtype).eval()
