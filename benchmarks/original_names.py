"""Models of diffusers as the single files of the original releases: the converters of diffusers, turned around."""

import re
from collections.abc import Iterator, Mapping

import torch

Tensors = dict[str, torch.Tensor]

UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "time_embedding.cond_proj": "time_embed.cond_proj",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "class_embedding": "label_emb",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
LAYER = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def unet(tensors: Mapping[str, torch.Tensor], layers: int) -> Tensors:
    """A UNet with `layers` per block."""
    crossed = {int(m[1]) for name in tensors if (m := re.match(r"up_blocks\.(\d+)\.attentions\.", name))}
    return {_unet_name(name, layers, crossed): tensor for name, tensor in tensors.items()}


def _unet_name(name: str, layers: int, crossed: set[int]) -> str:
    owner, _, kind = name.rpartition(".")
    if owner in UNET:
        return f"{UNET[owner]}.{kind}"
    if m := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name):
        return f"middle_block.{1 if m[1] == 'attentions' else 2 * int(m[2])}.{_inside(m[1], m[3])}"
    m = re.fullmatch(
        r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", name
    )
    assert m, name
    level, layer = int(m[2]), int(m[4])
    if m[3] == "downsamplers":
        return f"input_blocks.{(level + 1) * (layers + 1)}.0.op.{kind}"
    if m[3] == "upsamplers":
        return f"output_blocks.{level * (layers + 1) + layers}.{2 if level in crossed else 1}.conv.{kind}"
    block = f"input_blocks.{1 + level * (layers + 1) + layer}"
    if m[1] == "up":
        block = f"output_blocks.{level * (layers + 1) + layer}"
    return f"{block}.{0 if m[3] == 'resnets' else 1}.{_inside(m[3], m[5])}"


def _inside(kind: str, name: str) -> str:
    if kind == "attentions":
        return name
    part, _, rest = name.partition(".")
    return f"{RESNET[part]}.{rest}"


def vae(tensors: Mapping[str, torch.Tensor], levels: int) -> Tensors:
    """An autoencoder; its attention is made of convolutions there."""
    return dict(_vae_tensor(name, tensor, levels) for name, tensor in tensors.items())


def _vae_tensor(name: str, tensor: torch.Tensor, levels: int) -> tuple[str, torch.Tensor]:
    if m := re.fullmatch(r"(\w+)\.mid_block\.attentions\.0\.(.+)\.(weight|bias)", name):
        shaped = tensor[:, :, None, None] if tensor.ndim == 2 else tensor
        return f"{m[1]}.mid.attn_1.{ATTENTION[m[2]]}.{m[3]}", shaped
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if m := re.fullmatch(r"(\w+)\.mid_block\.resnets\.(\d)\.(.+)", name):
        return f"{m[1]}.mid.block_{int(m[2]) + 1}.{m[3]}", tensor
    if m := re.fullmatch(r"(encoder|decoder)\.(down|up)_blocks\.(\d+)\.(.+)", name):
        level = int(m[3]) if m[2] == "down" else levels - 1 - int(m[3])
        rest = m[4].replace("resnets.", "block.").replace("samplers.0.", "sample.")
        return f"{m[1]}.{m[2]}.{level}.{rest}", tensor
    return name, tensor


def clip(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """OpenAI's CLIP, as SD 1.x has it: transformers' own names, with positions beside."""
    named = {f"text_model.{name.removeprefix('text_model.')}": tensor for name, tensor in tensors.items()}
    positions = named["text_model.embeddings.position_embedding.weight"].shape[0]
    return {**named, "text_model.embeddings.position_ids": torch.arange(positions)[None]}


def open_clip(tensors: Mapping[str, torch.Tensor], *, last_layer: bool = False) -> Tensors:
    """OpenCLIP, as SD 2.x and SDXL have it. `last_layer`: one more than is used, as SD 2.x has it."""
    bare = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
    layers = 1 + max(int(m[1]) for name in bare if (m := re.match(r"encoder\.layers\.(\d+)\.", name)))
    found = {
        "positional_embedding": bare["embeddings.position_embedding.weight"],
        "token_embedding.weight": bare["embeddings.token_embedding.weight"],
        "ln_final.weight": bare["final_layer_norm.weight"],
        "ln_final.bias": bare["final_layer_norm.bias"],
        "logit_scale": torch.tensor(4.6),
    }
    width = found["token_embedding.weight"].shape[1]
    projection = bare.get("text_projection.weight")
    found["text_projection"] = torch.zeros(width, width) if projection is None else projection.T.contiguous()
    for layer in range(layers):
        found |= dict(_open_layer(bare, layer, layer))
    if last_layer:
        found |= {name: torch.zeros_like(it) for name, it in _open_layer(bare, layers - 1, layers)}
    return found


def _open_layer(
    bare: Mapping[str, torch.Tensor], layer: int, number: int
) -> Iterator[tuple[str, torch.Tensor]]:
    before, after = f"encoder.layers.{layer}", f"transformer.resblocks.{number}"
    for kind in ("weight", "bias"):
        thirds = [bare[f"{before}.self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
        yield f"{after}.attn.in_proj_{kind}", torch.cat(thirds)
        for new, old in LAYER.items():
            yield f"{after}.{old}.{kind}", bare[f"{before}.{new}.{kind}"]


def prefixed(prefix: str, tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """The same tensors further inside."""
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}
