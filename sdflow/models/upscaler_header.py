"""What an upscaler's file tells while planning: from the names and shapes of its tensors, without torch.

ESRGAN (RRDBNet, arXiv:1809.00219) has three ways to name its layers, Real-ESRGAN's small networks (SRVGGNetCompact,
arXiv:2107.10833) another one. Of other networks that spandrel knows the scale is not told by names alone.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sdflow.models.safetensors_header import TensorInfo

_WRAPPINGS = ("model_state_dict", "state_dict", "params_ema", "params-ema", "params")
"""Under what trainings save the weights, in the order in which spandrel looks for them."""
_PREFIXES = ("module.", "netG.")
_OLD = re.compile(r"model\.(\d+)\.")
_LARGER = re.compile(r"(?:upconv|conv_up)(\d+)\.weight")
_BODY = re.compile(r"body\.(\d+)\.weight")
_OLD_BLOCKS = ("model.1.sub.0.RDB1.conv1.0.weight", "model.1.sub.0.RDB1.conv1x1.weight")
_NEW_BLOCKS = ("body.0.rdb1.conv1.weight", "RRDB_trunk.0.RDB1.conv1.weight")
_OLD_FIXED = 5
"""Of the layers in the oldest way of naming; each doubling adds three."""
_RGB = 3


@dataclass(frozen=True, slots=True)
class UpscalerHeader:
    """A network, how much larger it makes pictures, and how many channels it takes and gives."""

    name: str
    scale: int
    taken: int
    given: int


def bare_names(names: Iterable[str]) -> dict[str, str]:
    """The names of an upscaler's layers by those in its file: what lies beside them is left out."""
    names = list(names)
    bare = {name: name for name in names}
    for wrapping in _WRAPPINGS:
        inside = [name for name in names if name.startswith(f"{wrapping}.")]
        if inside:
            bare = {name: name.removeprefix(f"{wrapping}.") for name in inside}
            break
    for prefix in _PREFIXES:
        if bare and all(name.startswith(prefix) for name in bare.values()):
            bare = {name: short.removeprefix(prefix) for name, short in bare.items()}
    return bare


def upscaler_in(tensors: Mapping[str, TensorInfo]) -> UpscalerHeader | None:
    """The network among tensors, where names and shapes tell it."""
    bare = {short: tensors[name] for name, short in bare_names(tensors).items()}
    try:
        if "model.0.weight" in bare and any(name in bare for name in _OLD_BLOCKS):
            return _old(bare)
        if "conv_first.weight" in bare and any(name in bare for name in _NEW_BLOCKS):
            doublings = max((int(found[1]) for name in bare if (found := _LARGER.fullmatch(name))), default=0)
            return _esrgan(bare["conv_first.weight"], bare["conv_last.weight"], doublings)
        if all(name.startswith("body.") for name in bare) and "body.1.weight" in bare:
            return _compact(bare)
    except (KeyError, IndexError, ValueError):
        return None
    return None


def _old(bare: Mapping[str, TensorInfo]) -> UpscalerHeader:
    last = max(int(found[1]) for name in bare if (found := _OLD.match(name)))
    doublings = (last + 1 - _OLD_FIXED) // 3
    return _esrgan(bare["model.0.weight"], bare[f"model.{last}.weight"], doublings)


def _esrgan(first: TensorInfo, last: TensorInfo, doublings: int) -> UpscalerHeader:
    taken, given, scale = first.shape[1], last.shape[0], 2**doublings
    for shuffled in (2, 4):  # Real-ESRGAN's way to begin with a smaller picture of more channels
        if taken == given * shuffled**2:
            return UpscalerHeader("ESRGAN", scale // shuffled, given, given)
    return UpscalerHeader("ESRGAN", scale, taken, given)


def _compact(bare: Mapping[str, TensorInfo]) -> UpscalerHeader:
    last = max(int(found[1]) for name in bare if (found := _BODY.fullmatch(name)))
    taken, made = bare["body.0.weight"].shape[1], bare[f"body.{last}.weight"].shape[0]
    for given in (taken, _RGB, 4, 1):
        scale = math.isqrt(made // given)
        if made == given * scale**2:
            return UpscalerHeader("Compact", scale, taken, given)
    raise ValueError(made)
