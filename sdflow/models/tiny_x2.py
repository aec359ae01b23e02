"""A tiny latent upscaler with random weights and the real topology: it makes a latent of twice the sides of another."""

import json
from pathlib import Path
from typing import Any

from sdflow.composition import Json
from sdflow.models.tiny import write_tiny
from sdflow.models.tiny_tokenizer import write_json
from sdflow.models.tiny_weights import fill_weights

_TEXT = 32
_NOISE_LEVEL = 128
"""How wide the noise level is that the UNet is told beside the pooled text."""


def write_tiny_x2(folder: Path, *, seed: int = 0, text_gain: float = 4.0) -> Path:
    """Write a model into `folder` and return `folder`; all but the UNet is that of `write_tiny`.

    Args:
        folder: made with its parents; files of the same names are replaced.
        seed: which random weights.
        text_gain: factor on what cross-attention adds, and on the pooled text.
    """
    import torch
    from diffusers import UNet2DConditionModel

    scheduler: dict[str, Json] = {"_class_name": "EulerDiscreteScheduler", "prediction_type": "sample"}
    write_tiny(folder, seed=seed, text_gain=text_gain, scheduler=scheduler)
    with torch.random.fork_rng(devices=[]):
        unet: Any = UNet2DConditionModel(**_unet_config())
    gains = {".attn2.to_out.0.weight": text_gain, ".cond_proj.weight": text_gain}
    fill_weights(unet, f"{seed}/x2", gains)
    unet.save_pretrained(folder / "unet")
    index = json.loads((folder / "model_index.json").read_text())
    write_json(folder / "model_index.json", {**index, "_class_name": "StableDiffusionLatentUpscalePipeline"})
    return folder


def _unet_config() -> dict[str, Json]:
    return {
        "act_fn": "gelu",
        "attention_head_dim": 8,
        "block_out_channels": [32, 32, 64, 64],
        "conv_in_kernel": 1,
        "conv_out_kernel": 1,
        "cross_attention_dim": _TEXT,
        "down_block_types": ["KDownBlock2D", *["KCrossAttnDownBlock2D"] * 3],
        "in_channels": 8,
        "layers_per_block": 1,
        "mid_block_type": None,
        "norm_num_groups": None,
        "only_cross_attention": False,
        "out_channels": 5,
        "resnet_time_scale_shift": "scale_shift",
        "sample_size": 16,
        "time_cond_proj_dim": _NOISE_LEVEL + _TEXT,
        "time_embedding_type": "fourier",
        "timestep_post_act": "gelu",
        "up_block_types": [*["KCrossAttnUpBlock2D"] * 3, "KUpBlock2D"],
    }
