"""Weights of words, applied to what a text encoder made of them."""

import torch


def as_a1111(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Every token times its weight, then all of the chunk so that its mean is what it was before.

    Args:
        states: float[batch, tokens, width], of one chunk. Every item keeps a mean of its own.
        weights: float32[batch, tokens].

    Returns:
        The same shape; items whose weights are all 1 have the same bits.
    """
    scaled = states * weights.to(states)[..., None]
    before, after = _mean(states), _mean(scaled)
    weighted = (weights != 1).any(dim=1)[:, None, None]
    return torch.where(weighted.to(states.device), scaled * (before / after), states)


def as_comfy(states: torch.Tensor, weights: torch.Tensor, empty: torch.Tensor) -> torch.Tensor:
    """Every token as far from that of the empty prompt as its weight says.

    Args:
        states: float[batch, tokens, width], of one chunk.
        weights: float32[batch, tokens].
        empty: float[1, tokens, width], of the empty prompt.

    Returns:
        The same shape; tokens whose weight is 1 have the same bits.
    """
    factors = weights.to(states)[..., None]
    return torch.where(factors == 1, states, (states - empty) * factors + empty)


def _mean(states: torch.Tensor) -> torch.Tensor:
    return states.mean(dim=(1, 2), keepdim=True)
