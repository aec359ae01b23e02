"""From an IP-Adapter's file to modules. Imports torch and diffusers."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from sdflow.composition import Json
from sdflow.models.ip_adapter_header import ATTENTION, PROJECTION

_NAMES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "plain": ((r"proj\.(weight|bias)", r"image_embeds.\1"),),
    "full": (
        (r"proj\.0\.", "ff.net.0.proj."),
        (r"proj\.2\.", "ff.net.2."),
        (r"proj\.3\.", "norm."),
    ),
    "plus": (
        (r"layers\.(\d+)\.0\.norm1\.", r"layers.\1.ln0."),
        (r"layers\.(\d+)\.0\.norm2\.", r"layers.\1.ln1."),
        (r"layers\.(\d+)\.0\.to_out\.", r"layers.\1.attn.to_out.0."),
        (r"layers\.(\d+)\.0\.to_", r"layers.\1.attn.to_"),
        (r"layers\.(\d+)\.1\.0\.", r"layers.\1.ff.0."),
        (r"layers\.(\d+)\.1\.1\.", r"layers.\1.ff.1.net.0.proj."),
        (r"layers\.(\d+)\.1\.3\.", r"layers.\1.ff.1.net.2."),
    ),
}
"""Names in the files of each kind, and in diffusers' modules."""


class IpAdapter(torch.nn.Module):
    """The two halves of an IP-Adapter.

    projection: from an encoded picture to tokens, float[n, tokens, context].
    keys, values: for those tokens, one linear layer for each cross-attention of the UNet, in diffusers' order.
    """

    def __init__(self, config: Mapping[str, Json]) -> None:
        super().__init__()
        widths, context = config["layers"], config["context"]
        if not isinstance(widths, list) or not isinstance(context, int):
            raise TypeError(config)
        self.projection = _projection(config)
        self.keys, self.values = (
            torch.nn.ModuleList([torch.nn.Linear(context, int(str(width)), bias=False) for width in widths])
            for _ in range(2)
        )


def _projection(config: Mapping[str, Json]) -> Any:
    from diffusers.models import embeddings

    if config["kind"] == "plain":
        return embeddings.ImageProjection(
            cross_attention_dim=config["context"],
            image_embed_dim=config["width"],
            num_image_text_embeds=config["tokens"],
        )
    if config["kind"] == "full":
        return embeddings.IPAdapterFullImageProjection(
            image_embed_dim=config["width"], cross_attention_dim=config["context"]
        )
    return embeddings.IPAdapterPlusImageProjection(
        embed_dims=config["width"],
        output_dims=config["context"],
        hidden_dims=config["hidden"],
        depth=config["depth"],
        heads=config["heads"],
        num_queries=config["tokens"],
    )


def ip_adapter_names(
    tensors: Mapping[str, torch.Tensor], config: Mapping[str, Json]
) -> dict[str, torch.Tensor]:
    """The tensors of a file under the names that `IpAdapter` has for them; others are left out."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith(PROJECTION):
            found |= _projected(name.removeprefix(PROJECTION), tensor, str(config["kind"]))
        elif name.startswith(ATTENTION):
            number, _, part = name.removeprefix(ATTENTION).partition(".")
            side = {"to_k_ip.weight": "keys", "to_v_ip.weight": "values"}.get(part)
            if side and number.isdigit():
                found[f"{side}.{int(number) // 2}.weight"] = tensor
    return found


def _projected(name: str, tensor: torch.Tensor, kind: str) -> dict[str, torch.Tensor]:
    for written, new in _NAMES[kind]:
        name, count = re.subn(f"^{written}", new, name)
        if count:
            break
    if name.endswith("attn.to_kv.weight"):
        halves = zip("kv", tensor.chunk(2, dim=0), strict=True)
        return {f"projection.{name.replace('to_kv', f'to_{part}')}": half for part, half in halves}
    return {f"projection.{name}": tensor}
