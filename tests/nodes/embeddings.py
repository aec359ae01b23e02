"""Files of textual inversions, as the programs that make them write them."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file


def vectors(count: int, width: int, seed: int = 0) -> torch.Tensor:
    """Learnt vectors, float32[count, width]."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) * 0.1


def write(path: Path, content: Any) -> Path:
    """A file by its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path)
    return path


def of_diffusers(word: str, learned: torch.Tensor) -> dict[str, torch.Tensor]:
    """What diffusers' training script saves."""
    return {word: learned[0].clone() if len(learned) == 1 else learned}


def of_a1111(learned: torch.Tensor) -> dict[str, Any]:
    """What A1111 saves as `.pt`."""
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": learned},
        "name": "trained-0500",
        "step": 500,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
    }


def of_compvis(learned: torch.Tensor) -> dict[str, Any]:
    """What the paper's own program saves: a module that holds the vectors."""
    return {
        "string_to_token": {"*": torch.tensor(265)},
        "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(learned)}),
    }


def of_sdxl(first: torch.Tensor, second: torch.Tensor) -> dict[str, torch.Tensor]:
    """What is common for SDXL."""
    return {"clip_l": first, "clip_g": second}
