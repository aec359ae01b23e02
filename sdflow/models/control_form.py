"""The configuration of a ControlNet in one file: what its family has published, and what its tensors' shapes say."""

from collections.abc import Mapping, Sequence

from sdflow.composition import Json
from sdflow.models.checkpoint.published import published
from sdflow.models.checkpoint.unet import levels_of, middle_of
from sdflow.models.safetensors_header import TensorInfo

_FAMILIES = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""The family that a ControlNet is for, by the width of the text that it takes."""
_ADDED = ("add_embedding.linear_1.weight", "label_emb.0.0.weight")
"""Sizes and crops, which SDXL is told: a ControlNet without attention has them and no text."""
_ADDED_OF_SDXL = 2816
_UNION = "task_embedding"
_SHARED = frozenset(
    {
        "act_fn",
        "addition_embed_type",
        "addition_time_embed_dim",
        "attention_head_dim",
        "block_out_channels",
        "cross_attention_dim",
        "down_block_types",
        "downsample_padding",
        "flip_sin_to_cos",
        "freq_shift",
        "layers_per_block",
        "mid_block_scale_factor",
        "norm_eps",
        "norm_num_groups",
        "projection_class_embeddings_input_dim",
        "transformer_layers_per_block",
        "use_linear_projection",
    }
)
"""What the configuration of a ControlNet has from that of its UNet."""
_HINT_WIDTHS = {False: [16, 32, 96, 256], True: [48, 96, 192, 384]}
"""Widths in the layers that look at the picture, unless the shapes say others: of a ControlNet, and of a union."""
_UNION_WIDTH = 320
"""Of a union whose number of heads is known: diffusers' default."""
_BLOCKS_OF_HINT = {
    "controlnet_cond_embedding.conv_in.weight": "input_hint_block.0.weight",
    "controlnet_cond_embedding.blocks.1.weight": "input_hint_block.4.weight",
    "controlnet_cond_embedding.blocks.3.weight": "input_hint_block.8.weight",
    "controlnet_cond_embedding.blocks.5.weight": "input_hint_block.12.weight",
}
_POOLS = "shuffle"
"""In the name of a file: what no tensor tells, and what the published ControlNet for shuffled pictures needs."""

Tensors = Mapping[str, TensorInfo]


def control_config(tensors: Tensors, file: str) -> tuple[str, dict[str, Json]] | None:
    """Class and configuration of the ControlNet in a file of this name; None where the shapes do not tell them.

    Shapes tell no heads of attention: the levels have to be as wide as the family's.
    """
    levels, family = levels_of(tensors), _family(tensors)
    if family is None or levels is None:
        return None
    config = {name: it for name, it in published(family, "unet").items() if name in _SHARED}
    if [width for width, _, _ in levels] != config["block_out_channels"]:
        return None
    config |= _layers(config, levels, middle_of(tensors))
    config |= _looking(tensors)
    if _POOLS in file.lower():
        config["global_pool_conditions"] = True
    if _UNION not in tensors:
        return "ControlNetModel", config
    union = _union(tensors)
    return None if union is None or "mid_block_type" in config else ("ControlNetUnionModel", config | union)


def _family(tensors: Tensors) -> str | None:
    widths = [it.shape[-1] for name, it in tensors.items() if name.endswith("attn2.to_k.weight")]
    if widths:
        return _FAMILIES.get(widths[0])
    added = next((tensors[name].shape for name in _ADDED if name in tensors), ())
    return "sdxl" if added[1:] == (_ADDED_OF_SDXL,) else None


def _layers(
    before: Mapping[str, Json], levels: Sequence[tuple[int, int, int]], middle: int
) -> dict[str, Json]:
    """How many layers and transformer blocks there are, where that is not what the UNet has."""
    depths = [depth for _, _, depth in levels]
    kinds: list[Json] = [f"{'CrossAttn' if depth else ''}DownBlock2D" for depth in depths]
    blocks: list[Json] = [*(max(depth, 1) for depth in depths[:-1]), max(middle, 1)]
    own = before.get("transformer_layers_per_block", 1)
    told = own if isinstance(own, list) else [own] * len(levels)
    # Where there is no attention, its depth says nothing: what is published stays.
    same = all(depth in (0, before_it) for depth, before_it in zip([*depths[:-1], middle], told, strict=True))
    changed: dict[str, Json] = {"layers_per_block": levels[0][1], "down_block_types": kinds}
    if not same:
        changed["transformer_layers_per_block"] = blocks
    if not middle:
        changed["mid_block_type"] = "UNetMidBlock2D"
    return changed


def _looking(tensors: Tensors) -> dict[str, Json]:
    """What picture it looks at, and with which widths, where that is not diffusers' default."""
    shapes = [
        next((tensors[name].shape for name in pair if name in tensors), ())
        for pair in _BLOCKS_OF_HINT.items()
    ]
    found: dict[str, Json] = {}
    if not all(shapes):
        return found
    widths: list[Json] = [shape[0] for shape in shapes]
    if widths != _HINT_WIDTHS[_UNION in tensors]:
        found["conditioning_embedding_out_channels"] = widths
    if shapes[0][1] != 3:  # noqa: PLR2004  # a picture in colours
        found["conditioning_channels"] = shapes[0][1]
    return found


def _union(tensors: Tensors) -> dict[str, Json] | None:
    kinds, width = tensors[_UNION].shape
    layers = {name.split(".")[1] for name in tensors if name.startswith("transformer_layes.")}
    projected = tensors.get("spatial_ch_projs.weight")
    if width != _UNION_WIDTH or projected is None or projected.shape[0] != width:
        return None
    return {"num_control_type": kinds, "num_trans_layer": len(layers)}
