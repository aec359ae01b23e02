"""A tiny Stable Diffusion XL and its tiny refiner, with random weights and the real topology.

Two text encoders of different widths, the second with a projection and another padding token; a UNet that is told
sizes and a pooled text, with a number of transformer layers and of heads for each level. The refiner has the second
text encoder alone, and is told an aesthetic score.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdflow.composition import Json
from sdflow.models.tiny_tokenizer import END, START, tiny_vocabulary, write_json, write_tokenizer
from sdflow.models.tiny_weights import fill_weights, save_text_encoder

_WIDTHS = {"text_encoder": 32, "text_encoder_2": 48}
_EACH = 8
_OF_CHANNELS = {8: "StableDiffusionXLInstructPix2PixPipeline", 9: "StableDiffusionXLInpaintPipeline"}
_SCHEDULER: dict[str, Json] = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "interpolation_type": "linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "sample_max_value": 1.0,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "timestep_spacing": "leading",
    "trained_betas": None,
    "use_karras_sigmas": False,
}


def write_tiny_xl(
    folder: Path,
    *,
    seed: int = 0,
    refiner: bool = False,
    text_gain: float = 4.0,
    sample_size: int = 8,
    time_cond_proj_dim: int | None = None,
    force_zeros_for_empty_prompt: bool | None = None,
    in_channels: int = 4,
    scheduler: Mapping[str, Json] | None = None,
    vae: Mapping[str, Json] | None = None,
) -> Path:
    """Write a model into `folder`, about 5 MB, and return `folder`.

    Equal arguments give equal weights. The base and the refiner of one seed share the second text encoder and the
    VAE, as the originals do.

    Args:
        folder: made with its parents; files of the same names are replaced.
        seed: which random weights.
        refiner: the refiner instead of the base model.
        text_gain: factor on what cross-attention adds.
        sample_size: native side of a latent; pixels are 8 times as many.
        time_cond_proj_dim: width of the guidance embedding of a guidance-distilled UNet; None has none.
        force_zeros_for_empty_prompt: what `model_index.json` says; None: as the original.
        in_channels: of the UNet: 9 is shown a mask and a masked picture, 8 a picture to edit.
        scheduler: entries that replace or extend those of `scheduler_config.json`.
        vae: the same for the VAE's configuration.
    """
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    folder.mkdir(parents=True, exist_ok=True)
    unet_config = {
        **_unet_config(sample_size, refiner=refiner),
        "time_cond_proj_dim": time_cond_proj_dim,
        "in_channels": in_channels,
    }
    texts = {
        "text_encoder": (CLIPTextModel, _text_config("text_encoder")),
        "text_encoder_2": (CLIPTextModelWithProjection, _text_config("text_encoder_2")),
    }
    if refiner:
        del texts["text_encoder"]
    gains = {".attn2.to_out.0.weight": text_gain, "decoder.conv_out.weight": 0.8, "_embedding.weight": 3.0}
    with torch.random.fork_rng(devices=[]):
        modules: dict[str, torch.nn.Module] = {
            "unet": UNet2DConditionModel(**unet_config),
            "vae": AutoencoderKL(**{**_vae_config(sample_size), **(vae or {})}),
            **{role: built(CLIPTextConfig(**config)) for role, (built, config) in texts.items()},
        }
    for role, module in modules.items():
        fill_weights(module, f"{seed}/{'refiner' if refiner and role == 'unet' else role}", gains)
        if role in texts:
            save_text_encoder(module, texts[role][1], folder / role)
        else:
            _save(module, folder / role)
    for role in texts:
        tokenizer = role.replace("text_encoder", "tokenizer")
        write_tokenizer(folder / tokenizer, pad=END if role == "text_encoder" else "!")
    config: dict[str, Json] = {**_SCHEDULER, **(scheduler or {})}
    write_json(folder / "scheduler" / "scheduler_config.json", config)
    zeros = not refiner if force_zeros_for_empty_prompt is None else force_zeros_for_empty_prompt
    index = _model_index(str(config["_class_name"]), refiner=refiner, zeros=zeros)
    index["_class_name"] = _OF_CHANNELS.get(in_channels, index["_class_name"])
    write_json(folder / "model_index.json", index)
    return folder


def _save(module: Any, folder: Path) -> None:
    module.save_pretrained(folder)


def _unet_config(sample_size: int, *, refiner: bool) -> dict[str, Json]:
    pooled = _WIDTHS["text_encoder_2"]
    common: dict[str, Json] = {
        "sample_size": sample_size,
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": _EACH,
    }
    if refiner:
        return common | {
            "block_out_channels": [16, 32, 32, 32],
            "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2, "DownBlock2D"],
            "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 2, "UpBlock2D"],
            "transformer_layers_per_block": 2,
            "attention_head_dim": [2, 4, 4, 4],
            "cross_attention_dim": pooled,
            "projection_class_embeddings_input_dim": pooled + 5 * _EACH,
        }
    return common | {
        "block_out_channels": [16, 32, 64],
        "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2],
        "up_block_types": [*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"],
        "transformer_layers_per_block": [1, 1, 2],
        "attention_head_dim": [2, 4, 8],
        "cross_attention_dim": sum(_WIDTHS.values()),
        "projection_class_embeddings_input_dim": pooled + 6 * _EACH,
    }


def _vae_config(sample_size: int) -> dict[str, Json]:
    return {
        "sample_size": sample_size * 8,
        "block_out_channels": [16, 16, 32, 32],
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "latent_channels": 4,
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "scaling_factor": 0.13025,
        "force_upcast": True,
    }


def _text_config(role: str) -> dict[str, Json]:
    """The second's end token is 2 in the original's file: its text ends at the largest number, whatever that is."""
    vocabulary, width, first = tiny_vocabulary(), _WIDTHS[role], role == "text_encoder"
    return {
        "vocab_size": len(vocabulary),
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": 4 if first else 5,
        "num_attention_heads": 4,
        "max_position_embeddings": 77,
        "hidden_act": "quick_gelu" if first else "gelu",
        "projection_dim": width,
        "bos_token_id": vocabulary[START] if first else 0,
        "eos_token_id": vocabulary[END] if first else 2,
        "pad_token_id": vocabulary[END] if first else 1,
    }


def _model_index(scheduler: str, *, refiner: bool, zeros: bool) -> dict[str, Json]:
    absent: list[Json] = [None, None]
    index: dict[str, Json] = {
        "_class_name": "StableDiffusionXLImg2ImgPipeline" if refiner else "StableDiffusionXLPipeline",
        "_diffusers_version": "0.35.0",
        "feature_extractor": absent,
        "force_zeros_for_empty_prompt": zeros,
        "image_encoder": absent,
        "scheduler": ["diffusers", scheduler],
        "text_encoder": absent if refiner else ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": absent if refiner else ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    return index | {"requires_aesthetics_score": True} if refiner else index
