"""An example of every node type, as it stands in a recipe."""

from collections.abc import Mapping

from sdflow.cli.node_facts import TypeFacts
from sdflow.composition import Json
from sdflow.recipe import yaml_scalar

NAMES: Mapping[str, str] = {
    "load-model": "model",
    "recipe": "portrait",
    "apply-lora": "styled",
    "load-embedding": "taught",
    "load-controlnet": "canny",
    "load-ip-adapter": "adapter",
    "encode-image-prompt": "shown",
    "canny": "edges",
    "load-depth-estimator": "estimator",
    "estimate-depth": "depth",
    "encode-prompt": "text",
    "combine-conditioning": "both",
    "regional-conditioning": "left",
    "limit-conditioning": "beginning",
    "average-conditioning": "between",
    "concat-conditioning": "longer",
    "zero-conditioning": "unprompted",
    "load-image": "photo",
    "load-mask": "mask",
    "resize-image": "resized",
    "init-latent": "noise",
    "init-latent-from-image": "start",
    "init-latent-from-small-image": "coarse",
    "init-latent-from-small-latent": "twice",
    "init-latent-to-edit": "before",
    "denoise": "sample",
    "decode": "image",
    "preview": "states",
    "upscale": "larger",
    "load-upscaler": "esrgan",
    "upscale-with-model": "sharper",
    "upscale-latent": "larger-latent",
    "load-latent": "kept",
    "crop-latent": "left-half",
    "flip-latent": "mirrored",
    "rotate-latent": "turned",
    "composite-latent": "composed",
    "blend-latents": "blended",
    "batch-latents": "all",
    "select-latents": "best",
    "add-noise": "grainy",
    "vary-noise": "variation",
    "batch-images": "pictures",
    "animate": "film",
    "select-images": "chosen",
    "mask-from-image": "transparent",
    "draw-mask": "ellipse",
    "adjust-mask": "soft",
    "combine-masks": "masks",
    "image-from-mask": "mask-shown",
    "crop-image": "cropped",
    "pad-image": "padded",
    "flip-image": "flipped",
    "rotate-image": "rotated",
    "composite": "together",
    "set-alpha": "sticker",
    "fill-masked": "filled",
    "crop-to-mask": "detail",
    "paste-region": "pasted",
    "match-colour": "matched",
    "adjust-image": "toned",
    "blur-image": "blurred",
    "sharpen-image": "sharp",
    "quantize-image": "few-colours",
    "load-safety-checker": "checker",
    "safety-check": "checked",
    "watermark": "marked",
    "grid": "sheet",
}
"""What the node is called in its example."""

SOURCES: Mapping[str, str] = {
    "Model": "$model",
    "Conditioning": "$text",
    "Latent": "$noise",
    "Image": "$image",
    "Mask": "$mask",
    "Region": "$detail.region",
    "IpAdapter": "$adapter",
    "ImagePrompt": "$shown",
    "DepthEstimator": "$estimator",
    "Trajectory": "$sample.trajectory",
    "Upscaler": "$esrgan",
    "SafetyChecker": "$checker",
}
"""Where an input of each kind comes from."""

_INPUTS: Mapping[tuple[str, str], str] = {
    ("decode", "latent"): "$sample",
    ("upscale-latent", "latent"): "$sample",
    ("crop-latent", "latent"): "$sample",
    ("flip-latent", "latent"): "$sample",
    ("rotate-latent", "latent"): "$sample",
    ("composite-latent", "onto"): "$sample",
    ("composite-latent", "over"): "$left-half",
    ("blend-latents", "first"): "$sample",
    ("blend-latents", "second"): "$mirrored",
    ("batch-latents", "latents"): "$sample, $mirrored",
    ("select-latents", "latent"): "$sample",
    ("add-noise", "latent"): "$larger-latent",
    ("batch-images", "images"): "$image, $larger",
    ("init-latent-from-small-latent", "latent"): "$sample",
    ("init-latent-from-image", "image"): "$resized",
    ("init-latent-from-small-image", "image"): "$resized",
    ("init-latent-to-edit", "image"): "$resized",
    ("resize-image", "image"): "$photo",
    ("composite", "background"): "$photo",
    ("composite", "foreground"): "$image",
    ("crop-to-mask", "image"): "$photo",
    ("paste-region", "background"): "$photo",
    ("match-colour", "reference"): "$photo",
    ("combine-masks", "masks"): "$mask, $soft",
    ("encode-image-prompt", "images"): "$photo",
    ("canny", "image"): "$photo",
    ("estimate-depth", "image"): "$photo",
    ("combine-conditioning", "conditionings"): "$text, $left",
    ("concat-conditioning", "conditionings"): "$text, $more",
    ("average-conditioning", "second"): "$more",
}

_FIELDS: Mapping[str, Mapping[str, Json]] = {
    "load-model": {"source": "stable-diffusion-v1-5/stable-diffusion-v1-5"},
    "apply-lora": {"source": "./ink.safetensors", "weight": 0.8},
    "load-embedding": {"source": "EasyNegative.safetensors"},
    "load-controlnet": {"source": "lllyasviel/control_v11p_sd15_canny"},
    "load-ip-adapter": {"source": "h94/IP-Adapter", "file": "models/ip-adapter_sd15.safetensors"},
    "load-depth-estimator": {"source": "depth-anything/Depth-Anything-V2-Small-hf"},
    "canny": {"low-threshold": 100, "high-threshold": 200},
    "encode-prompt": {"prompt": "a lighthouse at dusk", "negative": "blurry, low quality"},
    "load-image": {"path": "sketch.png"},
    "resize-image": {"width": 768, "height": 512, "fit": "cover"},
    "regional-conditioning": {"area": {"left": 0, "top": 0, "width": 0.5, "height": 1}},
    "limit-conditioning": {"until": 0.4},
    "average-conditioning": {"weight": 0.3},
    "zero-conditioning": {"side": "negative"},
    "load-mask": {"path": "mask.png", "invert": True},
    "init-latent": {"width": 512, "height": 512, "seed": 42},
    "init-latent-from-image": {"seed": 42},
    "init-latent-from-small-image": {"noise-level": 20, "seed": 42},
    "init-latent-to-edit": {"seed": 42},
    "denoise": {"sampler": "unipc", "steps": 25, "guidance": 7.5},
    "preview": {"every": 5},
    "upscale": {"factor": 2},
    "load-upscaler": {"source": "./RealESRGAN_x4plus.pth"},
    "upscale-with-model": {"tile": 512},
    "upscale-latent": {"factor": 1.5},
    "load-latent": {"path": "latent.safetensors"},
    "crop-latent": {"width": 256, "height": 512},
    "rotate-latent": {"angle": 90},
    "composite-latent": {"left": 256, "feather": 64},
    "blend-latents": {"weight": 0.3},
    "select-latents": {"items": [0, 2]},
    "add-noise": {"seed": 5, "strength": 0.1},
    "vary-noise": {"seed": 5, "strength": 0.2},
    "select-images": {"items": [0, 2]},
    "animate": {"fps": 8, "hold": 2},
    "mask-from-image": {"channel": "red", "invert": True},
    "draw-mask": {
        "width": 512,
        "height": 512,
        "ellipse": {"left": 0.2, "top": 0.1, "width": 0.6, "height": 0.8},
    },
    "adjust-mask": {"grow": 8, "feather": 4},
    "combine-masks": {"how": "difference"},
    "image-from-mask": {},
    "crop-image": {"left": 64, "top": 0, "width": 512, "height": 512},
    "pad-image": {"left": 128, "right": 128, "overlap": 16},
    "flip-image": {"axis": "horizontal"},
    "rotate-image": {"angle": 90},
    "composite": {"mode": "screen", "opacity": 0.7},
    "set-alpha": {},
    "fill-masked": {"fill": "blur"},
    "crop-to-mask": {"width": 512, "height": 512, "padding": 32},
    "paste-region": {},
    "match-colour": {"method": "mean-std"},
    "adjust-image": {"contrast": 1.2, "saturation": 0},
    "blur-image": {"radius": 4},
    "sharpen-image": {"amount": 1.0},
    "quantize-image": {"colours": 16},
    "load-safety-checker": {"source": "CompVis/stable-diffusion-safety-checker"},
    "safety-check": {"action": "blur"},
    "grid": {"columns": 3},
    "recipe": {"path": "portrait.yaml", "params": {"prompt": "a fox in the snow", "steps": 30}},
}


def example(facts: TypeFacts) -> str:
    """A node of this type in YAML, without the recipe around it."""
    lines = [f"{NAMES.get(facts.name, facts.name)}:", f"  type: {facts.name}"]
    for it in facts.inputs:
        if it.required and not it.within:
            source = _INPUTS.get((facts.name, it.name), SOURCES.get(it.kind, f"${it.name}"))
            lines.append(f"  {it.name}: {f'[{source}]' if it.many else source}")
    fields = _FIELDS.get(facts.name)
    if fields is None:
        fields = {it.name: "…" for it in facts.fields if it.required and not it.within}
    lines += [line for name, value in fields.items() for line in _written(name, value)]
    return "\n".join(lines)


def _written(name: str, value: Json) -> list[str]:
    if isinstance(value, dict) and name == "params":
        return [f"  {name}:", *(f"    {inner}: {yaml_scalar(it)}" for inner, it in value.items())]
    return [f"  {name}: {yaml_scalar(value)}"]
