"""Recipes that the benchmarks run, and the diffusers script that makes the same picture."""

from pathlib import Path
from typing import Any

PROMPT = "a photograph of an astronaut riding a horse"
GUIDANCE = 3.0

PIPELINE = f"""\
import sys
import torch
from diffusers import StableDiffusionPipeline

model, width, height, steps, out = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
pipeline = StableDiffusionPipeline.from_pretrained(model, safety_checker=None, torch_dtype=torch.float32)
picture = pipeline(
    {PROMPT!r},
    width=width,
    height=height,
    num_inference_steps=steps,
    guidance_scale={GUIDANCE},
    generator=torch.Generator().manual_seed(7),
).images[0]
picture.save(out)
"""
"""python -c PIPELINE model width height steps out"""


def text_to_image(
    model: str | Path, side: int, steps: int, prompt: str = PROMPT, seed: int = 7
) -> dict[str, Any]:
    """One picture, with the sampler that the model comes with."""
    return {
        "sdflow": 1,
        "params": {"prompt": prompt, "seed": seed},
        "nodes": {
            "model": {"type": "load-model", "source": str(model)},
            "text": {"type": "encode-prompt", "model": "$model", "prompt": "$params.prompt"},
            "noise": {
                "type": "init-latent",
                "model": "$model",
                "width": side,
                "height": side,
                "seed": "$params.seed",
            },
            "sample": {
                "type": "denoise",
                "model": "$model",
                "conditioning": "$text",
                "latent": "$noise",
                "steps": steps,
                "guidance": GUIDANCE,
            },
            "image": {"type": "decode", "model": "$model", "latent": "$sample"},
        },
        "outputs": {"picture.png": "$image"},
    }


def _ten_nodes() -> dict[str, Any]:
    """Two prompts from the same noise, side by side and twice as large: ten nodes."""
    recipe = text_to_image("builtin:tiny", 64, 2)
    nodes = recipe["nodes"]
    nodes["other-text"] = {**nodes["text"], "prompt": "a lighthouse at dawn"}
    nodes["other-sample"] = {**nodes["sample"], "conditioning": "$other-text"}
    nodes["other-image"] = {**nodes["image"], "latent": "$other-sample"}
    nodes["sheet"] = {"type": "grid", "images": ["$image", "$other-image"]}
    nodes["large"] = {"type": "upscale", "image": "$sheet", "factor": 2.0}
    recipe["outputs"] = {"sheet.png": "$large"}
    return recipe


TEN_NODES = _ten_nodes()
