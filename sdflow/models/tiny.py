"""A tiny Stable Diffusion model with random weights, written on the spot in diffusers' layout.

Its pictures are coloured noise, but its topology is the real one (four UNet levels, an autoencoder of factor
8, a CLIP text encoder, byte-level BPE), so whatever runs on it runs on Stable Diffusion. Cross-attention is
amplified: in an untrained model the prompt is hardly felt, and mistakes with text would go unseen.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from sdflow.composition import Json
from sdflow.models.tiny_tokenizer import END, START, tiny_vocabulary, write_json, write_tokenizer
from sdflow.models.tiny_weights import fill_weights, save_text_encoder

Layout: TypeAlias = Literal["sd1", "sd2"]
PredictionType: TypeAlias = Literal["epsilon", "v_prediction"]

_SCHEDULER: dict[str, Json] = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
}
_TIMESTEPS = 1000
_OF_UPSCALER, _OF_EDITOR = 7, 8
_LOW_RES_SCHEDULER: dict[str, Json] = {
    "_class_name": "DDPMScheduler",
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.0001,
    "clip_sample": True,
    "num_train_timesteps": _TIMESTEPS,
    "prediction_type": "epsilon",
    "trained_betas": None,
    "variance_type": "fixed_small",
}
"""Those of the published upscaler."""


def write_tiny(
    folder: Path,
    *,
    seed: int = 0,
    layout: Layout = "sd1",
    prediction_type: PredictionType = "epsilon",
    text_gain: float = 4.0,
    sample_size: int = 8,
    time_cond_proj_dim: int | None = None,
    force_upcast: bool = False,
    in_channels: int = 4,
    scheduler: Mapping[str, Json] | None = None,
) -> Path:
    """Write a model into `folder`, about 4 MB, and return `folder`.

    Equal arguments give equal weights: every tensor has its own generator, seeded by `seed` and its name.

    Args:
        folder: made with its parents; files of the same names are replaced.
        seed: which random weights.
        layout: `sd1` as Stable Diffusion 1.5; `sd2` as 2.x: linear projections, a list of head counts,
            another text encoder, `!` as padding token.
        prediction_type: what the UNet is taken to predict.
        text_gain: factor on what cross-attention adds.
        sample_size: native side of a latent; pixels are 8 times as many.
        time_cond_proj_dim: width of the guidance embedding of a guidance-distilled UNet; None has none.
        force_upcast: what the autoencoder's configuration says of half precision.
        in_channels: of the UNet: 9 is shown a mask and a masked picture, 8 a picture to edit; 7 a small picture with
            its noise level as a class, and then the autoencoder has a factor of 4, as the x4 upscaler's has.
        scheduler: entries that replace or extend those of `scheduler_config.json`.
    """
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    folder.mkdir(parents=True, exist_ok=True)
    width = 32 if layout == "sd1" else 48
    upscales = in_channels == _OF_UPSCALER
    unet_config = {
        **tiny_unet_config(layout, width, sample_size),
        "time_cond_proj_dim": time_cond_proj_dim,
        "in_channels": in_channels,
        "num_class_embeds": _TIMESTEPS if upscales else None,
    }
    vae_config = {**_vae_config(sample_size, levels=3 if upscales else 4), "force_upcast": force_upcast}
    text_config = _text_config(layout, width)
    with torch.random.fork_rng(devices=[]):
        unet = UNet2DConditionModel(**unet_config)
        vae = AutoencoderKL(**vae_config)
        text_encoder = CLIPTextModel(CLIPTextConfig(**text_config))
    gains = {".attn2.to_out.0.weight": text_gain, "decoder.conv_out.weight": 0.8, "_embedding.weight": 3.0}
    for role, module in {"unet": unet, "vae": vae, "text_encoder": text_encoder}.items():
        fill_weights(module, f"{seed}/{role}", gains)
        if role != "text_encoder":
            module.save_pretrained(folder / role)
    save_text_encoder(text_encoder, text_config, folder / "text_encoder")
    write_tokenizer(folder / "tokenizer", pad="!" if layout == "sd2" else END)
    class_name = "DDIMScheduler" if layout == "sd2" else "PNDMScheduler"
    config = {
        "_class_name": class_name,
        **_SCHEDULER,
        "prediction_type": prediction_type,
        **(scheduler or {}),
    }
    write_json(folder / "scheduler" / "scheduler_config.json", config)
    index = _model_index(str(config["_class_name"]))
    if upscales:
        write_json(folder / "low_res_scheduler" / "scheduler_config.json", _LOW_RES_SCHEDULER)
        index |= {
            "_class_name": "StableDiffusionUpscalePipeline",
            "low_res_scheduler": ["diffusers", "DDPMScheduler"],
            "max_noise_level": 350,
        }
    if in_channels == _OF_EDITOR:
        index["_class_name"] = "StableDiffusionInstructPix2PixPipeline"
    write_json(folder / "model_index.json", index)
    return folder


def tiny_unet_config(layout: Layout = "sd1", width: int = 32, sample_size: int = 8) -> dict[str, Json]:
    """The UNet's configuration, as far as it differs from diffusers' defaults; `width` is that of the text."""
    heads: Json = [2, 4, 4, 8] if layout == "sd2" else 4
    return {
        "sample_size": sample_size,
        "block_out_channels": [16, 32, 32, 64],
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
        "cross_attention_dim": width,
        "attention_head_dim": heads,
        "use_linear_projection": layout == "sd2",
    }


def _vae_config(sample_size: int, levels: int) -> dict[str, Json]:
    widths: list[Json] = [16, 16, 32, 32]
    return {
        "sample_size": sample_size * 2 ** (levels - 1),
        "block_out_channels": widths[-levels:],
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "latent_channels": 4,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "scaling_factor": 0.18215 if levels > 3 else 0.08333,  # noqa: PLR2004  # that of the upscaler
    }


def _text_config(layout: Layout, width: int) -> dict[str, Json]:
    vocabulary = tiny_vocabulary()
    return {
        "vocab_size": len(vocabulary),
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": 4 if layout == "sd1" else 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 77,
        "hidden_act": "quick_gelu" if layout == "sd1" else "gelu",
        "projection_dim": width,
        "bos_token_id": vocabulary[START],
        "eos_token_id": vocabulary[END],
        "pad_token_id": vocabulary[END if layout == "sd1" else "!"],
    }


def _model_index(scheduler: str) -> dict[str, Json]:
    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.35.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", scheduler],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
