"""bfloat16 where it pays."""

import torch


def mixed(device: torch.device) -> torch.autocast:
    """Computes in bfloat16 where that pays."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bfloat16_pays(device))


def bfloat16_pays(device: torch.device) -> bool:
    """On a GPU, and on a CPU that has instructions for it; elsewhere it would be several times slower."""
    if device.type != "cpu":
        return True
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())  # noqa: SLF001
