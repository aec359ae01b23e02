"""The form of a UNet: what its configuration has to say, read from the shapes of its tensors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sdflow.composition import Json
from sdflow.models.safetensors_header import TensorInfo

_RESNET = re.compile(
    r"input_blocks\.(\d+)\.0\.in_layers\.2\.weight|down_blocks\.(\d+)\.resnets\.(\d+)\.conv1\.weight"
)
_BLOCK = re.compile(
    r"input_blocks\.(\d+)\.1\.transformer_blocks\.(\d+)\.norm1\.weight"
    r"|down_blocks\.(\d+)\.attentions\.(\d+)\.transformer_blocks\.(\d+)\.norm1\.weight"
)
_MIDDLE = re.compile(
    r"(?:middle_block\.1|mid_block\.attentions\.0)\.transformer_blocks\.(\d+)\.norm1\.weight"
)
_NAMES = {
    "in": ("input_blocks.0.0.weight", "conv_in.weight"),
    "out": ("out.2.weight", "conv_out.weight"),
    "added": ("label_emb.0.0.weight", "add_embedding.linear_1.weight"),
    "classes": ("label_emb.weight", "class_embedding.weight"),
    "guidance": ("time_embed.cond_proj.weight", "time_embedding.cond_proj.weight"),
}


@dataclass(frozen=True, slots=True)
class UNetForm:
    """Channels in and out; per level its width and its transformer blocks per layer (0: no attention).

    `context` is the width of the text, `linear` whether transformers project with matrices (convolutions in SD 1.x);
    `added`, `classes` and `guidance` are the widths of further conditions, 0 without.
    """

    channels: tuple[int, int]
    widths: tuple[int, ...]
    layers: int
    depths: tuple[int, ...]
    middle: int
    context: int
    linear: bool
    added: int = 0
    classes: int = 0
    guidance: int = 0


def form_of_tensors(tensors: Mapping[str, TensorInfo]) -> UNetForm | None:
    """The form of a UNet whose tensors have these names and shapes; None when it is none that diffusers builds."""
    sizes = {role: _shape(tensors, names) for role, names in _NAMES.items()}
    levels = levels_of(tensors)
    if len(sizes["in"]) != 4 or len(sizes["out"]) != 4 or levels is None:  # noqa: PLR2004  # images, not videos
        return None
    context = [it.shape for name, it in tensors.items() if name.endswith(".attn2.to_k.weight")]
    linear = [it.shape for name, it in tensors.items() if name.endswith(".proj_in.weight")]
    if not context or not linear:
        return None
    return UNetForm(
        (sizes["in"][1], sizes["out"][0]),
        tuple(width for width, _, _ in levels),
        levels[0][1],
        tuple(depth for _, _, depth in levels),
        middle_of(tensors),
        context[0][-1],
        len(linear[0]) == 2,  # noqa: PLR2004  # a matrix
        *((sizes["added"] + (0, 0))[1], (sizes["classes"] + (0,))[0], (sizes["guidance"] + (0, 0))[1]),
    )


def _shape(tensors: Mapping[str, TensorInfo], names: tuple[str, ...]) -> tuple[int, ...]:
    return next((tensors[name].shape for name in names if name in tensors), ())


def levels_of(tensors: Mapping[str, TensorInfo]) -> list[tuple[int, int, int]] | None:
    """Width, layers and transformer blocks per layer of each level downwards; None when levels are not all alike."""
    resnets: dict[tuple[int, int], int] = {}
    blocks: dict[tuple[int, int], int] = {}
    for name, info in tensors.items():
        if match := _RESNET.fullmatch(name):
            resnets[_place(match[1], match[2], match[3])] = info.shape[0]
        elif match := _BLOCK.fullmatch(name):
            place = _place(match[1], match[3], match[4])
            blocks[place] = blocks.get(place, 0) + 1
    if not resnets:
        return None
    if "input_blocks.0.0.weight" in tensors:
        resnets, blocks = (
            _numbered(resnets),
            {new: blocks.get(old, 0) for old, new in _places(resnets).items()},
        )
    levels = []
    for level in range(max(level for level, _ in resnets) + 1):
        widths = [width for (at, _), width in resnets.items() if at == level]
        depths = {blocks.get(place, 0) for place in resnets if place[0] == level}
        if len(set(widths)) != 1 or len(depths) != 1:
            return None
        levels.append((widths[0], len(widths), depths.pop()))
    return levels if len({layers for _, layers, _ in levels}) == 1 else None


def middle_of(tensors: Mapping[str, TensorInfo]) -> int:
    """How many transformer blocks the middle has."""
    return len({match[1] for name in tensors if (match := _MIDDLE.fullmatch(name))})


def _place(running: str | None, level: str | None, layer: str | None) -> tuple[int, int]:
    return (int(level), int(layer)) if level and layer else (0, int(running or 0))


def _places(resnets: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], tuple[int, int]]:
    """Level and layer of each block of the original layout, whose numbers skip one where a level ends."""
    places: dict[tuple[int, int], tuple[int, int]] = {}
    level = layer = 0
    before = 0
    for place in sorted(resnets):
        if before and place[1] > before + 1:
            level, layer = level + 1, 0
        places[place] = (level, layer)
        before, layer = place[1], layer + 1
    return places


def _numbered(resnets: Mapping[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    return {new: resnets[old] for old, new in _places(resnets).items()}


def form_of_config(config: Mapping[str, Json]) -> UNetForm:
    """The form of the UNet that diffusers builds from a configuration."""
    widths = _numbers(config, "block_out_channels", (320, 640, 1280, 1280))
    types = config.get("down_block_types") or ["CrossAttn"] * (len(widths) - 1) + ["Down"]
    depths = _per_level(config.get("transformer_layers_per_block", 1), len(widths))
    context = config.get("cross_attention_dim", 1280)
    added = config.get("projection_class_embeddings_input_dim") if config.get("addition_embed_type") else 0
    return UNetForm(
        (_number(config, "in_channels", 4), _number(config, "out_channels", 4)),
        widths,
        _per_level(config.get("layers_per_block", 2), 1)[0],
        tuple(
            depth if str(kind).startswith("CrossAttn") else 0
            for kind, depth in zip(types if isinstance(types, list) else [], depths, strict=False)
        ),
        depths[-1],
        _per_level(context, 1)[0],
        bool(config.get("use_linear_projection", False)),
        added if isinstance(added, int) else 0,
        _number(config, "num_class_embeds", 0),
        _number(config, "time_cond_proj_dim", 0),
    )


def _number(config: Mapping[str, Json], name: str, default: int) -> int:
    value = config.get(name)
    return value if isinstance(value, int) else default


def _numbers(config: Mapping[str, Json], name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    value = config.get(name)
    return tuple(it for it in value if isinstance(it, int)) if isinstance(value, list) else default


def _per_level(value: Json, levels: int) -> tuple[int, ...]:
    if isinstance(value, list):
        return tuple(it if isinstance(it, int) else 1 for it in value)
    return (value if isinstance(value, int) else 1,) * levels


_GROUPS = 32
_HEAD = 64


def follow(published: Mapping[str, Json], form: UNetForm) -> dict[str, Json] | None:
    """The published configuration of a family with what a file's own shapes say; None when they cannot say all.

    Shapes tell neither the groups of the norms nor the heads of attention: 32 groups, and 8 heads (SD 1.x) or heads
    of width 64, as all of the family have, must divide the widths.
    """
    before = form_of_config(published)
    if before == form:
        return dict(published)
    heads = published.get("attention_head_dim")
    by_width = isinstance(heads, list)
    if any(width % (_HEAD if by_width else _GROUPS) for width in form.widths):
        return None
    changed: dict[str, Json] = {
        **published,
        "in_channels": form.channels[0],
        "out_channels": form.channels[1],
    }
    changed |= {"block_out_channels": list(form.widths), "layers_per_block": form.layers}
    changed |= {"cross_attention_dim": form.context, "use_linear_projection": form.linear}
    if by_width:
        changed["attention_head_dim"] = [width // _HEAD for width in form.widths]
    kinds = ["CrossAttn" if depth else "" for depth in form.depths]
    changed["down_block_types"] = [f"{kind}DownBlock2D" for kind in kinds]
    changed["up_block_types"] = [f"{kind}UpBlock2D" for kind in reversed(kinds)]
    if before.depths != form.depths or before.middle != form.middle:
        changed["transformer_layers_per_block"] = [
            *(max(depth, 1) for depth in form.depths[:-1]),
            form.middle,
        ]
    if form.added:
        changed["projection_class_embeddings_input_dim"] = form.added
    if form.classes:
        changed["num_class_embeds"] = form.classes
    if form.guidance:
        changed["time_cond_proj_dim"] = form.guidance
    return changed if form_of_config(changed) == form else None
