"""A tiny safety checker with random weights: what it sees means nothing, and its thresholds decide."""

from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.models.tiny_tokenizer import write_json
from sdflow.models.tiny_weights import fill_weights

if TYPE_CHECKING:
    from sdflow.composition import Json

_SIDE = 28
_WIDTH = 16


def write_tiny_checker(folder: Path, *, threshold: float = -2.0, seed: int = 0) -> Path:
    """Write one into `folder`, with how pictures are prepared beside it, and return the folder.

    A picture is flagged when its cosine to one of 17 concepts is over the threshold: all below -1, none over 1.
    """
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from safetensors.torch import save_file

    vision: dict[str, Json] = {
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "image_size": _SIDE,
        "patch_size": 7,
        "projection_dim": _WIDTH,
    }
    config: dict[str, Json] = {"projection_dim": _WIDTH, "vision_config": vision, "model_type": "clip"}
    with torch.random.fork_rng(devices=[]):
        module = StableDiffusionSafetyChecker(
            StableDiffusionSafetyChecker.config_class.from_dict({**config, "vision_config": dict(vision)})
        )
    fill_weights(module, f"{seed}/checker", {"patch_embedding.weight": 4.0})
    with torch.no_grad():
        module.concept_embeds_weights.fill_(threshold)
        module.special_care_embeds_weights.fill_(2.0)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(module.state_dict()), folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", {**config, "architectures": ["StableDiffusionSafetyChecker"]})
    prepared: dict[str, Json] = {
        "crop_size": _SIDE,
        "size": _SIDE,
        "resample": 3,
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    write_json(folder / "preprocessor_config.json", prepared)
    return folder
