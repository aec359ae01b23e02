"""Going on from the models that sdflow ships, where the checkpoints that made them are not at hand."""

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from training.fit import write_state


def adopt(model: Path, run: Path) -> None:
    """Begins a run with a model in diffusers' layout: tokenizer and autoencoder as they are, the rest to be trained on.

    A run that has begun stays as it is, so that the same command can be given again.
    """
    begun = run / "diffusion" / "checkpoint.pt"
    if begun.is_file():
        return
    shutil.copytree(model / "tokenizer", run / "tokenizer", dirs_exist_ok=True)
    autoencoder = AutoencoderKL.from_pretrained(model, subfolder="vae", torch_dtype=torch.float32)
    write_state(_below("model", autoencoder), run / "autoencoder" / "trained.pt")
    text = CLIPTextModel.from_pretrained(model, subfolder="text_encoder", dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(model, subfolder="unet", torch_dtype=torch.float32)
    weights = _below("text", text) | _below("unet", unet)
    state = {
        "weights": weights,
        "average": {"n_averaged": torch.tensor(0)}
        | {f"module.{name}": value for name, value in weights.items()},
        "adamw": None,
        "step": 0,
        "elapsed": 0.0,
    }
    write_state(state, begun)


def _below(name: str, module: torch.nn.Module) -> dict[str, Tensor]:
    return {f"{name}.{key}": value for key, value in module.state_dict().items()}
