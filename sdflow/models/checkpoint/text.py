"""Text encoders in files: OpenAI's CLIP with the names of transformers, and OpenCLIP with names of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.models.checkpoint.published import published
from sdflow.models.safetensors_header import TensorInfo

_OPEN_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")
_OPEN_NAMES = {
    "positional_embedding": "embeddings.position_embedding.weight",
    "token_embedding.weight": "embeddings.token_embedding.weight",
    "ln_final.weight": "final_layer_norm.weight",
    "ln_final.bias": "final_layer_norm.bias",
    "text_projection": "text_projection.weight",
}
_OPEN_LAYERS = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
_ROLES = {768: ("sd1", "text_encoder"), 1024: ("sd2", "text_encoder"), 1280: ("sdxl", "text_encoder_2")}
"""Which published text encoder has this width: CLIP-L, OpenCLIP-H without its last layer, OpenCLIP-bigG."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Where a tensor comes from: a tensor of the file, which third of its rows, and whether it is turned around."""

    name: str
    third: int | None = None
    transposed: bool = False


def is_open_clip(names: Mapping[str, object]) -> bool:
    """Whether tensors have OpenCLIP's own names."""
    return "token_embedding.weight" in names and "positional_embedding" in names


def text_tensors(names: Mapping[str, object], layers: int, *, projected: bool) -> dict[str, Taken]:
    """The tensors of a text encoder under transformers' names, without the prefix that some of its versions have.

    Layers beyond `layers` are left out: Stable Diffusion 2 leaves out the last one of OpenCLIP-H. So is the
    projection, unless the text encoder is one with projection.
    """
    taken: dict[str, Taken] = {}
    for name in names:
        for new, source in _open_clip(name) if is_open_clip(names) else ((_bare(name), Taken(name)),):
            match = re.match(r"encoder\.layers\.(\d+)\.", new)
            wanted = int(match[1]) < layers if match else new.startswith(("embeddings.", "final_layer_norm."))
            if (wanted or (projected and new == "text_projection.weight")) and not new.endswith(
                "position_ids"
            ):
                taken[new] = source
    return taken


def _bare(name: str) -> str:
    return name.removeprefix("text_model.")


def _open_clip(name: str) -> tuple[tuple[str, Taken], ...]:
    if name in _OPEN_NAMES:
        return ((_OPEN_NAMES[name], Taken(name, transposed=name == "text_projection")),)
    match = _OPEN_BLOCK.fullmatch(name)
    if match is None:
        return ()
    layer, inside = f"encoder.layers.{match[1]}", match[2]
    if inside.startswith("attn.in_proj_"):
        kind = inside.removeprefix("attn.in_proj_")
        return tuple(
            (f"{layer}.self_attn.{letter}_proj.{kind}", Taken(name, third))
            for third, letter in enumerate("qkv")
        )
    owner, _, kind = inside.rpartition(".")
    return ((f"{layer}.{_OPEN_LAYERS[owner]}.{kind}", Taken(name)),) if owner in _OPEN_LAYERS else ()


def width_of_text(tensors: Mapping[str, TensorInfo]) -> int:
    """The width of a text encoder's embeddings, or 0."""
    names = ("token_embedding.weight", "embeddings.token_embedding.weight")
    shapes = [info.shape for name, info in tensors.items() if _bare(name) in names]
    return shapes[0][-1] if shapes else 0


def text_role(width: int) -> str | None:
    """Which role a published text encoder of this width has."""
    return _ROLES[width][1] if width in _ROLES else None


def follow_text(tensors: Mapping[str, TensorInfo]) -> dict[str, Json] | None:
    """The published configuration of the text encoder with these tensors; None when there is none."""
    width = width_of_text(tensors)
    if width not in _ROLES:
        return None
    config = dict(published(*_ROLES[width]))
    layers = config["num_hidden_layers"]
    last = f"encoder.layers.{int(str(layers)) - 1}.mlp.fc1.weight"
    taken = text_tensors(tensors, int(str(layers)), projected=False)
    if last not in taken or tensors[taken[last].name].shape != (config["intermediate_size"], width):
        return None
    words = tensors[taken["embeddings.token_embedding.weight"].name].shape[0]
    return {**config, "vocab_size": words}
