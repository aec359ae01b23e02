"""What an IP-Adapter's file tells while planning: from the names and shapes of its tensors, without torch.

IP-Adapters (arXiv:2308.06721) hold a projection from an encoded picture to tokens, `image_proj.…`, and keys and values
for those tokens in each cross-attention of a UNet, `ip_adapter.N.to_k_ip.weight`, N = 1, 3, 5, …
"""

import re
from collections.abc import Mapping

from sdflow.composition import Json
from sdflow.models.one_file import OneFile
from sdflow.models.refused import Refused
from sdflow.models.safetensors_header import TensorInfo

PROJECTION = "image_proj."
ATTENTION = "ip_adapter."
HEAD = 64
"""Width of the heads in the projection of plus."""
_TOKENS_OF_PLAIN = 4
_LAYER = re.compile(r"ip_adapter\.(\d+)\.to_([kv])_ip\.weight")
_BLOCK = re.compile(r"layers\.(\d+)\.")
_AGAIN = "Download the file again."
_FACE = "a FaceID adapter, which takes faces measured by insightface"
_TRANSFORMER = "an IP-Adapter for a diffusion transformer"
_READ = "sdflow reads IP-Adapter, IP-Adapter plus (with plus-face and ViT-H ones) and full-face for SD 1.x and SDXL."


def ip_adapter_config(one: OneFile) -> tuple[dict[str, Json], int]:
    """What is built from a file, and how many parameters it has.

    `kind` is `plain`, `plus` or `full`; `width` that of the encoded picture, `tokens` how many the projection makes of
    it (0: as many as there are), `context` their width, and `layers` the widths of the cross-attentions in the order
    in which diffusers has them.

    Raises:
        Refused: it is no IP-Adapter, one of a kind that is not read, or cannot be read.
    """
    tensors = one.tensors()
    projection = {
        name.removeprefix(PROJECTION): info for name, info in tensors.items() if name.startswith(PROJECTION)
    }
    layers = _layers(tensors)
    _refuse_others(one, tensors, projection)
    if not projection or not layers:
        raise Refused("SDF358", f"{one.label} is no IP-Adapter", hint=_READ)
    try:
        config = {**_projection(projection), **_attention(layers)}
    except (KeyError, IndexError) as error:
        raise Refused(
            "SDF358", f"{one.label} is broken, or of another kind of IP-Adapter", hint=_READ
        ) from error
    if config.pop("made") != config["context"]:
        raise Refused("SDF358", f"{one.label} is broken: its two halves do not fit", hint=_AGAIN)
    return config, sum(
        info.elements for name, info in tensors.items() if name.startswith((PROJECTION, ATTENTION))
    )


def _refuse_others(
    one: OneFile, tensors: Mapping[str, TensorInfo], projection: Mapping[str, TensorInfo]
) -> None:
    """Adapters that are called alike and work otherwise."""
    faces = any(name.startswith("perceiver_resampler.") for name in projection)
    faces = faces or ("proj.0.weight" in projection and "proj.3.weight" not in projection)
    faces = faces or any("_lora." in name for name in tensors if name.startswith(ATTENTION))
    if faces:
        raise Refused("SDF358", f"{one.label} is {_FACE}", hint=_READ)
    if any("double_blocks." in name or "transformer_blocks." in name for name in tensors):
        raise Refused("SDF358", f"{one.label} is {_TRANSFORMER}", hint=_READ)


def _layers(tensors: Mapping[str, TensorInfo]) -> dict[int, dict[str, tuple[int, ...]]]:
    """Shapes of keys and values by the number of their layer, in its order."""
    found: dict[int, dict[str, tuple[int, ...]]] = {}
    for name, info in tensors.items():
        match = _LAYER.fullmatch(name)
        if match:
            found.setdefault(int(match[1]), {})[match[2]] = tuple(info.shape)
    return dict(sorted(found.items()))


def _attention(layers: Mapping[int, Mapping[str, tuple[int, ...]]]) -> dict[str, Json]:
    widths: list[Json] = [shapes["k"][0] for shapes in layers.values()]
    contexts = {shapes[part][1] for shapes in layers.values() for part in "kv"}
    if list(layers) != list(range(1, 2 * len(layers), 2)) or len(contexts) != 1:
        raise KeyError("layers")
    return {"context": contexts.pop(), "layers": widths}


def _projection(tensors: Mapping[str, TensorInfo]) -> dict[str, Json]:
    """Which projection it is, by the names that each has alone; `made` is the width of the tokens."""

    def shape(name: str) -> tuple[int, ...]:
        return tuple(tensors[name].shape)

    if "proj.weight" in tensors:
        made, width = shape("proj.weight")[0] // _TOKENS_OF_PLAIN, shape("proj.weight")[1]
        return {"kind": "plain", "width": width, "tokens": _TOKENS_OF_PLAIN, "made": made}
    if "proj.3.weight" in tensors:
        width, made = shape("proj.0.weight")[0], shape("proj.3.weight")[0]
        return {"kind": "full", "width": width, "tokens": 0, "made": made}
    _, tokens, hidden = shape("latents")
    depth = len({match[1] for name in tensors if (match := _BLOCK.match(name))})
    heads = shape("layers.0.0.to_q.weight")[0] // HEAD
    return {
        "kind": "plus",
        "width": shape("proj_in.weight")[1],
        "tokens": tokens,
        "hidden": hidden,
        "heads": heads,
        "depth": depth,
        "made": shape("proj_out.weight")[0],
    }
