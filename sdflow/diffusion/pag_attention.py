"""Attention that is perturbed in a part of the batch: each place sees itself alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from sdflow.diffusion.pag import Pag


class IdentityInSomeRows:
    """An attention processor that does the work of another one, and in the last rows has the identity for its map."""

    def __init__(self, usual: Any, share: tuple[int, int]) -> None:
        """`usual` is the layer's own processor; of `share[1]` parts of the batch the last `share[0]` are perturbed."""
        self._usual, self._share = usual, share

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Self-attention, float[rows, places, width]; the layers of transformer blocks add the residual themselves."""
        part, parts = self._share
        kept = len(hidden_states) // parts * (parts - part)
        mask = None if attention_mask is None else attention_mask[:kept]
        usual: torch.Tensor = self._usual(attn, hidden_states[:kept], encoder_hidden_states, mask, temb)
        values = attn.to_v(hidden_states[kept:])
        for layer in attn.to_out:
            values = layer(values)
        return torch.cat([usual, values])


def perturbed_layers(unet: Any, pag: Pag) -> tuple[Any, ...]:
    """The self-attention layers of a UNet that are perturbed."""
    return tuple(
        module
        for name, module in unet.named_modules()
        if name.endswith(".attn1") and not module.is_cross_attention and pag.perturbs(name)
    )


@contextmanager
def perturbed(layers: Sequence[Any], part: int, parts: int) -> Iterator[None]:
    """Of `parts` equal parts of the batch, the last `part` with perturbed attention, for as long as this lasts."""
    if not part:
        yield
        return
    before = [layer.processor for layer in layers]
    for layer, usual in zip(layers, before, strict=True):
        layer.set_processor(IdentityInSomeRows(usual, (part, parts)))
    try:
        yield
    finally:
        for layer, usual in zip(layers, before, strict=True):
            layer.set_processor(usual)
