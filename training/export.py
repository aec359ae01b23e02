"""The trained parts as models in diffusers' layout, in half precision, as sdflow ships them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, AutoencoderTiny, PNDMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from training.autoencoder import build_autoencoder
from training.config import Config
from training.diffusion import BETAS, build_text_encoder, build_unet
from training.fit import read_state
from training.tiny_autoencoder import build_tiny_autoencoder


def latest(folder: Path) -> Mapping[str, Tensor]:
    """The averaged weights of a part that is trained, or of its last checkpoint while it is not.

    Raises:
        FileNotFoundError: its training has not begun.
    """
    done = folder / "trained.pt"
    if done.is_file():
        weights: Mapping[str, Tensor] = read_state(done)
        return weights
    averaged = read_state(folder / "checkpoint.pt")["average"]
    return {name.removeprefix("module."): value for name, value in averaged.items() if name != "n_averaged"}


def part(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The weights below `name`."""
    return {
        key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")
    }


def trained_autoencoder(config: Config, run: Path, scaling_factor: float = 1.0) -> AutoencoderKL:
    """The autoencoder as the run has it, with what brings its latents to unit deviation."""
    model = build_autoencoder(config.autoencoder)
    model.load_state_dict(part(latest(run / "autoencoder"), "model"))
    model.register_to_config(scaling_factor=round(scaling_factor, 5))
    return model.eval()


def trained_unet(config: Config, run: Path) -> UNet2DConditionModel:
    """The UNet as the run has it."""
    model = build_unet(config.diffusion)
    model.load_state_dict(part(latest(run / "diffusion"), "unet"))
    return model.eval()


def trained_text_encoder(config: Config, run: Path) -> CLIPTextModel:
    """The text encoder as the run has it."""
    model = build_text_encoder(config.diffusion, CLIPTokenizer.from_pretrained(run / "tokenizer"))
    model.load_state_dict(part(latest(run / "diffusion"), "text"))
    return model.eval()


def export_model(config: Config, run: Path, scaling_factor: float, folder: Path) -> None:
    """`builtin:toybox`: a Stable Diffusion 1 model that `StableDiffusionPipeline.from_pretrained` loads."""
    scheduler = PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False)
    parts: dict[str, Any] = {
        "vae": trained_autoencoder(config, run, scaling_factor).half(),
        "unet": trained_unet(config, run).half(),
        "text_encoder": trained_text_encoder(config, run).half(),
        "scheduler": scheduler,
    }
    shutil.rmtree(folder, ignore_errors=True)
    for name, model in parts.items():
        model.save_pretrained(folder / name)
    shutil.copytree(run / "tokenizer", folder / "tokenizer")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    clean(folder)


def export_tiny_autoencoder(config: Config, run: Path, folder: Path) -> None:
    """`builtin:toybox-taesd`: an AutoencoderTiny for the same latents."""
    model: AutoencoderTiny = build_tiny_autoencoder(config.tiny_autoencoder)
    model.load_state_dict(part(latest(run / "tiny-autoencoder"), "model"))
    shutil.rmtree(folder, ignore_errors=True)
    model.half().save_pretrained(folder)
    clean(folder)


def clean(folder: Path) -> Path:
    """Configurations without the paths of the machine that they come from; weights that everybody may read.

    transformers loads in the precision that a configuration names and diffusers in float32: one pipeline needs one.
    """
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        cleaned = {name: value for name, value in content.items() if name != "_name_or_path"}
        if "dtype" in cleaned:
            cleaned["dtype"] = "float32"
        if cleaned != content:
            path.write_text(json.dumps(cleaned, indent=2) + "\n", encoding="utf-8")
    return folder
