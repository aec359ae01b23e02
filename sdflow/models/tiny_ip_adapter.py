"""Tiny IP-Adapters with random weights and their image encoder, written on the spot as h94/IP-Adapter has them.

What the picture adds to the text is amplified: otherwise a random adapter is hardly felt, and mistakes with it would go
unseen.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from sdflow.composition import Json
from sdflow.models.cross_attention import cross_attentions
from sdflow.models.ip_adapter_header import ATTENTION, HEAD, PROJECTION
from sdflow.models.tiny_tokenizer import write_json
from sdflow.models.tiny_weights import fill_weights

if TYPE_CHECKING:
    import torch

Kind: TypeAlias = Literal["plain", "plus", "full"]
ENCODER: Mapping[str, Json] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "projection_dim": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
    "hidden_act": "quick_gelu",
}
_TOKENS = {"plain": 4, "plus": 16, "full": 0}
_BACK = (
    (r"image_embeds\.", "proj."),
    (r"ff\.net\.0\.proj\.", "proj.0."),
    (r"ff\.net\.2\.", "proj.2."),
    (r"layers\.(\d+)\.ln0\.", r"layers.\1.0.norm1."),
    (r"layers\.(\d+)\.ln1\.", r"layers.\1.0.norm2."),
    (r"layers\.(\d+)\.attn\.to_out\.0\.", r"layers.\1.0.to_out."),
    (r"layers\.(\d+)\.attn\.to_", r"layers.\1.0.to_"),
    (r"layers\.(\d+)\.ff\.0\.", r"layers.\1.1.0."),
    (r"layers\.(\d+)\.ff\.1\.net\.0\.proj\.", r"layers.\1.1.1."),
    (r"layers\.(\d+)\.ff\.1\.net\.2\.", r"layers.\1.1.3."),
)
"""diffusers' names, and those of the files."""


def write_tiny_ip_adapter(folder: Path, unet: Mapping[str, Json]) -> Path:
    """Adapters for a UNet with this configuration, under the names that they have in h94/IP-Adapter."""
    from safetensors.torch import save_file

    models = folder / "models"
    write_image_encoder(models / "image_encoder")
    files: dict[str, Kind] = {
        "ip-adapter_sd15": "plain",
        "ip-adapter-plus_sd15": "plus",
        "ip-adapter-full-face_sd15": "full",
    }
    for name, kind in files.items():
        save_file(ip_adapter_tensors(unet, kind), models / f"{name}.safetensors")
    return folder


def write_image_encoder(folder: Path, *, seed: int = 0, width: int = 32) -> Path:
    """A CLIP image encoder of 32×32 pixels."""
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config = {**ENCODER, "hidden_size": width}
    with torch.random.fork_rng(devices=[]):
        module = CLIPVisionModelWithProjection(CLIPVisionConfig(**config))
    fill_weights(
        module, f"{seed}/image_encoder", {"patch_embedding.weight": 4.0, "visual_projection.weight": 3.0}
    )
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: it.contiguous() for name, it in module.state_dict().items() if "position_ids" not in name
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    facts: dict[str, Json] = {
        **config,
        "architectures": ["CLIPVisionModelWithProjection"],
        "model_type": "clip_vision_model",
    }
    write_json(folder / "config.json", facts)
    return folder


def ip_adapter_tensors(
    unet: Mapping[str, Json], kind: Kind, *, seed: int = 0, gain: float = 4.0
) -> "dict[str, torch.Tensor]":
    """The tensors of an adapter's file; `gain` is a factor on what it adds."""
    import torch

    from sdflow.models.load_ip_adapter import IpAdapter

    layers = cross_attentions(unet)
    config: dict[str, Json] = {
        "kind": kind,
        "width": ENCODER["projection_dim" if kind == "plain" else "hidden_size"],
        "tokens": _TOKENS[kind],
        "context": unet["cross_attention_dim"],
        "layers": [layer.width for layer in layers],
        "hidden": HEAD,
        "heads": 1,
        "depth": 4,
    }
    with torch.random.fork_rng(devices=[]):
        module = IpAdapter(config)
    gains = {f"values.{number}.weight": gain for number in range(len(layers))}
    fill_weights(module, f"{seed}/ip_adapter/{kind}", gains)
    return {_written(name, kind): it for name, it in _joined(module.state_dict()).items()}


def _joined(tensors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Keys and values of the projection in one tensor, as they were trained."""
    import torch

    found = {}
    for name, tensor in tensors.items():
        if name.endswith("attn.to_v.weight"):
            continue
        if name.endswith("attn.to_k.weight"):
            both = [tensor, tensors[name.replace("to_k", "to_v")]]
            found[name.replace("to_k", "to_kv")] = torch.cat(both)
        else:
            found[name] = tensor.contiguous()
    return found


def _written(name: str, kind: Kind) -> str:
    half, _, rest = name.partition(".")
    if half != "projection":
        return f"{ATTENTION}{2 * int(rest.partition('.')[0]) + 1}.to_{half[0]}_ip.weight"
    if kind == "full":
        rest = re.sub(r"^norm\.", "proj.3.", rest)
    for diffusers, file in _BACK:
        rest, count = re.subn(f"^{diffusers}", file, rest)
        if count:
            break
    return f"{PROJECTION}{rest}"
