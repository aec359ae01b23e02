"""What was trained on top of toybox, as sdflow ships it: in half precision, and nothing that toybox has already."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, DDPMScheduler, UNet2DConditionModel
from safetensors.torch import save_file

from training.export import clean, latest, part
from training.family.canny import build_controlnet
from training.family.fine import build_fine_autoencoder
from training.family.inpaint import build_inpainting_unet
from training.family.prompted import prompt_width
from training.family.sketch import build_lora, lora_weights
from training.family.upscaler import BETAS, build_upscaler
from training.latents import read_latents
from training.run import Run

_FACTOR = 0.08333
"""The scaling factor of the published x4 upscaler's autoencoder."""


def export_inpaint(run: Run) -> Path:
    """`builtin:toybox-inpaint`: its UNet; all else is toybox's."""
    unet = build_inpainting_unet(run.toybox)
    unet.load_state_dict(part(latest(run.folder / "inpaint"), "unet"))
    folder = _anew(run, "toybox-inpaint")
    unet.half().save_pretrained(folder / "unet")
    index = json.loads((run.toybox / "model_index.json").read_text(encoding="utf-8"))
    return _indexed(folder, index | {"_class_name": "StableDiffusionInpaintPipeline"})


def export_canny(run: Run) -> Path:
    """`builtin:toybox-canny`: a ControlNetModel."""
    net: ControlNetModel = build_controlnet(run.config.family.canny, run.toybox)
    net.load_state_dict(part(latest(run.folder / "canny"), "net"))
    folder = _anew(run, "toybox-canny")
    net.half().save_pretrained(folder)
    return clean(folder)


def export_sketch(run: Run) -> Path:
    """`builtin:toybox-sketch`: a LoRA as diffusers saves it."""
    unet: UNet2DConditionModel = build_lora(run.config.family.sketch, run.toybox)
    unet.load_state_dict(part(latest(run.folder / "sketch"), "unet"))
    folder = _anew(run, "toybox-sketch")
    told = {f"unet.{name}": value for name, value in lora_weights(unet).items()}
    save_file(told, folder / "pytorch_lora_weights.safetensors", {"format": "pt"})
    return clean(folder)


def export_negative(run: Run) -> Path:
    """`builtin:toybox-negative`: a textual inversion as diffusers saves it."""
    vectors = latest(run.folder / "negative")["vectors"].to(torch.float16).contiguous()
    folder = _anew(run, "toybox-negative")
    save_file({"toybox-negative": vectors}, folder / "learned_embeds.safetensors", {"format": "pt"})
    return clean(folder)


def trained_fine_autoencoder(run: Run) -> AutoencoderKL:
    """toybox-x4's autoencoder as the run has it."""
    model = build_fine_autoencoder(run.config.family.x4.autoencoder)
    model.load_state_dict(part(latest(run.folder / "x4-autoencoder"), "model"))
    return model.eval()


def rescaled(model: AutoencoderKL, scaling_factor: float) -> AutoencoderKL:
    """An autoencoder whose latents have unit deviation when multiplied by `scaling_factor`, as one of the upscaler's.

    Its latents are made larger instead: diffusers' pipeline takes 0.08333 for the factor, whatever is written.
    """
    larger = scaling_factor / _FACTOR
    with torch.no_grad():
        means = model.config.latent_channels
        model.quant_conv.weight[:means] *= larger
        model.quant_conv.bias[:means] *= larger
        model.quant_conv.bias[means:] += 2 * math.log(larger)  # the logarithm of the variance
        model.post_quant_conv.weight /= larger
    model.register_to_config(scaling_factor=_FACTOR)
    return model


def export_x4(run: Run) -> Path:
    """`builtin:toybox-x4`: an upscaler with an autoencoder of its own; text encoder and tokenizer are toybox's."""
    settings = run.config.family.x4
    unet = build_upscaler(settings, prompt_width(run.toybox))
    unet.load_state_dict(part(latest(run.folder / "x4"), "unet"))
    factor = read_latents(run.folder / "x4" / "latents.pt").scaling_factor
    folder = _anew(run, "toybox-x4")
    parts: dict[str, Any] = {
        "unet": unet.half(),
        "vae": rescaled(trained_fine_autoencoder(run), factor).half(),
        "scheduler": DDIMScheduler(
            **BETAS,
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        "low_res_scheduler": DDPMScheduler(**BETAS),
    }
    for name, model in parts.items():
        model.save_pretrained(folder / name)
    index = {
        "_class_name": "StableDiffusionUpscalePipeline",
        "feature_extractor": [None, None],
        "low_res_scheduler": ["diffusers", "DDPMScheduler"],
        "max_noise_level": settings.noise - 1,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "watermarker": [None, None],
    }
    return _indexed(folder, index)


def _anew(run: Run, name: str) -> Path:
    folder = run.folder / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _indexed(folder: Path, index: dict[str, Any]) -> Path:
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return clean(folder)
