"""The names of a safety checker's weights, which older releases nest one deeper, or one less deep."""

from collections.abc import Mapping

import torch

_NESTED, _FLAT = "vision_model.vision_model.", "vision_model."


def checker_keys(module: torch.nn.Module, stored: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors under the names that `module` has for them, without the numbers of positions."""
    nested = any(name.startswith(_NESTED) for name in module.state_dict())
    fitted = {}
    for name, tensor in stored.items():
        if name.endswith(".position_ids"):
            continue
        inner = name.removeprefix(_NESTED) if name.startswith(_NESTED) else name.removeprefix(_FLAT)
        root = "" if inner == name else _NESTED if nested else _FLAT
        fitted[root + inner] = tensor
    return fitted
