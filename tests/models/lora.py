"""LoRAs with random weights for a model, written in the ways that trainers write them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors.torch import save_file

from sdflow.models.sgm_names import sgm_names

Factors: TypeAlias = dict[tuple[str, str], tuple[torch.Tensor, torch.Tensor]]
"""The two factors of a low-rank change, by role and path of the layer."""
Tensors: TypeAlias = dict[str, torch.Tensor]

_KOHYA = {"unet": "lora_unet_", "text_encoder": "lora_te_text_model_"}
_KOHYA_XL = {
    "unet": "lora_unet_",
    "text_encoder": "lora_te1_text_model_",
    "text_encoder_2": "lora_te2_text_model_",
}


def random_factors(
    modules: Mapping[str, Any], *, rank: int = 4, seed: int = 0, convolutions: bool = False
) -> Factors:
    """For all linear layers of transformers, strong enough to be seen; and for convolutions where that is asked."""
    generator = torch.Generator().manual_seed(seed)
    found: Factors = {}
    for role, module in modules.items():
        for path, layer in module.named_modules():
            inside = any(it in path for it in ("attn", "ff", "mlp"))
            wanted = torch.nn.Linear if inside else torch.nn.Conv2d
            if not isinstance(layer, wanted) or not (inside or convolutions):
                continue
            shape, kernel = layer.weight.shape, layer.weight.shape[2:]
            down = torch.randn(rank, shape[1], *kernel, generator=generator)
            up = torch.randn(shape[0], rank, *(1 for _ in kernel), generator=generator) * 0.05
            found[role, path.removeprefix("text_model.")] = (down, up)
    return found


def as_peft(factors: Factors) -> Tensors:
    """As diffusers saves them today."""
    tensors: Tensors = {}
    for (role, path), (down, up) in factors.items():
        owner = f"{role}.{path}" if role == "unet" else f"{role}.text_model.{path}"
        tensors |= {f"{owner}.lora_A.weight": down, f"{owner}.lora_B.weight": up}
    return tensors


def as_dora(factors: Factors) -> Tensors:
    """As PEFT saves a DoRA (arXiv:2402.09353): a magnitude for each output of a layer."""
    tensors = as_peft(factors)
    for name in [name for name in tensors if name.endswith(".lora_B.weight")]:
        up = tensors[name]
        generator = torch.Generator().manual_seed(len(name))
        magnitude = torch.rand(len(up), generator=generator) + 0.5
        tensors[name.replace("lora_B.weight", "lora_magnitude_vector")] = magnitude
    return tensors


def as_old_diffusers(factors: Factors) -> Tensors:
    """As diffusers < 0.22 saved them: attention processors, and linear layers with a LoRA of their own."""
    tensors: Tensors = {}
    for (role, path), (down, up) in factors.items():
        owner, _, last = path.replace(".to_out.0", ".to_out").rpartition(".")
        text = {"q_proj": "to_q", "k_proj": "to_k", "v_proj": "to_v", "out_proj": "to_out"}
        if role == "unet" and "attn" in owner:
            name = f"unet.{owner}.processor.{last}_lora"
        elif role == "unet":
            name = f"unet.{path}.lora"
        elif last in text:
            name = f"{role}.text_model.{owner}.{text[last]}_lora"
        else:
            name = f"{role}.text_model.{path}.lora_linear_layer"
        tensors |= {f"{name}.down.weight": down, f"{name}.up.weight": up}
    return tensors


def as_kohya(factors: Factors, alpha: float | None = None) -> Tensors:
    """As Kohya's scripts write them for SD 1.x and 2.x."""
    return _underscored(factors, alpha, lambda role, path: f"{_KOHYA[role]}{path.replace('.', '_')}")


def as_kohya_xl(factors: Factors, alpha: float | None = None) -> Tensors:
    """As Kohya's scripts write them for SDXL: with the names of Stability's own code for the UNet (the tiny one's)."""
    names = sgm_names([path for role, path in factors if role == "unet"], layers_per_block=1)

    def name(role: str, path: str) -> str:
        return f"{_KOHYA_XL[role]}{names[path] if role == 'unet' else path.replace('.', '_')}"

    return _underscored(factors, alpha, name)


def _underscored(factors: Factors, alpha: float | None, name: Callable[[str, str], str]) -> Tensors:
    tensors: Tensors = {}
    for (role, path), (down, up) in factors.items():
        owner = name(role, path)
        tensors |= {f"{owner}.lora_down.weight": down, f"{owner}.lora_up.weight": up}
        if alpha is not None:
            tensors[f"{owner}.alpha"] = torch.tensor(alpha)
    return tensors


def write(file: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> Path:
    """A safetensors file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata)
    return file
