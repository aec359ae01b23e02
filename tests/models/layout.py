"""A Stable Diffusion folder with the real layout and next to no weights, written without torch."""

import hashlib
import json
import struct
from pathlib import Path

from sdflow.composition import Json
from sdflow.device import Device

CPU = Device("cpu", 0, "cpu", 8 << 30)
CUDA = Device("cuda", 0, "gpu", 8 << 30)

INDEX: dict[str, Json] = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.30.0",
    "feature_extractor": [None, None],
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
UNET: dict[str, Json] = {
    "_class_name": "UNet2DConditionModel",
    "_diffusers_version": "0.30.0",
    "cross_attention_dim": 768,
    "in_channels": 4,
    "out_channels": 4,
    "sample_size": 64,
}
VAE: dict[str, Json] = {
    "_class_name": "AutoencoderKL",
    "_name_or_path": "somewhere/else",
    "block_out_channels": [128, 256, 512, 512],
    "latent_channels": 4,
}
TEXT: dict[str, Json] = {
    "architectures": ["CLIPTextModel"],
    "hidden_size": 768,
    "model_type": "clip_text_model",
    "torch_dtype": "float32",
    "transformers_version": "4.40.0",
}
SCHEDULER: dict[str, Json] = {"_class_name": "PNDMScheduler", "beta_start": 0.00085, "steps_offset": 1}
ROLES = ("tokenizer", "text_encoder", "unet", "vae", "scheduler")
WEIGHTED = ("text_encoder", "unet", "vae")
WEIGHTS = {
    "unet": "diffusion_pytorch_model",
    "vae": "diffusion_pytorch_model",
    "text_encoder": "model",
}


def write_json(file: Path, value: Json) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def safetensors(tensors: dict[str, tuple[str, tuple[int, ...], bytes]]) -> bytes:
    """A safetensors file of tensors given as type, shape and bytes."""
    header: dict[str, object] = {}
    body = b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    head = json.dumps(header).encode()
    return struct.pack("<Q", len(head)) + head + body


def weights(seed: int, dtype: str = "F32", count: int = 6) -> bytes:
    width = {"F32": 4, "F16": 2}[dtype]
    return safetensors({"weight": (dtype, (count,), bytes([seed]) * (count * width))})


def write_pipeline(folder: Path) -> Path:
    """A pipeline that resolves; 24 bytes of weights in each component."""
    write_json(folder / "model_index.json", INDEX)
    write_json(folder / "unet" / "config.json", UNET)
    write_json(folder / "vae" / "config.json", VAE)
    write_json(folder / "text_encoder" / "config.json", TEXT)
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_tokenizer(folder / "tokenizer")
    for seed, (role, stem) in enumerate(WEIGHTS.items()):
        (folder / role / f"{stem}.safetensors").write_bytes(weights(seed))
    return folder


def write_tokenizer(folder: Path) -> None:
    write_json(folder / "vocab.json", {"<|startoftext|>": 0, "<|endoftext|>": 1})
    (folder / "merges.txt").write_text("#version: 0.2\n")
    write_json(folder / "tokenizer_config.json", {"model_max_length": 77})


def sha256(path: Path) -> str:
    """What a memo of digests would answer."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
