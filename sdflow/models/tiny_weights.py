"""Random weights of the tiny models: equal seeds give equal bytes, whatever else draws random numbers."""

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.composition import Json
from sdflow.models.tiny_tokenizer import write_json

if TYPE_CHECKING:
    import torch


def fill_weights(module: "torch.nn.Module", seed: str, gains: Mapping[str, float]) -> None:
    """Give every parameter its values: variance 1 / fan-in for weights, ones for norms, small biases."""
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            # transformers has dropped this prefix; the values must not depend on its version.
            plain = name.removeprefix("text_model.")
            if parameter.ndim == 1 and plain.endswith("weight"):
                parameter.fill_(1.0)
                continue
            number = int.from_bytes(hashlib.sha256(f"{seed}/{plain}".encode()).digest()[:8], "little")
            generator = torch.Generator().manual_seed(number >> 1)
            scale = 1 / math.sqrt(parameter[0].numel()) if parameter.ndim > 1 else 0.05
            for ending, gain in gains.items():
                scale *= gain if plain.endswith(ending) else 1.0
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)


def save_text_encoder(module: "torch.nn.Module", config: Mapping[str, Json], folder: Path) -> None:
    """Write it as Stable Diffusion 1.5's and XL's files are, whatever names this version of transformers gives."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name if name.startswith("text_projection.") else f"text_model.{name.removeprefix('text_model.')}": it
        for name, it in module.state_dict().items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    facts: dict[str, Json] = {
        **config,
        "architectures": [type(module).__name__],
        "model_type": "clip_text_model",
    }
    write_json(folder / "config.json", facts)
