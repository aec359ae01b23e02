"""spandrel where torchvision cannot be had, and small random networks of the kinds that it reads."""

import importlib.machinery
import re
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

_TORCHVISION = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")


def spandrel() -> Any:
    """The package. Where there is no torchvision, two networks that are not tested find stand-ins for its functions.

    They are taken away again at once, so that no other library takes them for the real ones.
    """
    if find_spec("spandrel") is None:
        pytest.skip("spandrel is not installed: pip install 'sdflow[upscalers]'")
    if "spandrel" in sys.modules or find_spec("torchvision") is not None:
        return pytest.importorskip("spandrel", exc_type=ImportError)
    for name in _TORCHVISION:
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
    functional: Any = sys.modules[_TORCHVISION[-1]]
    functional.InterpolationMode = functional.rotate = functional.normalize = None
    try:
        import spandrel as found
    finally:
        for name in _TORCHVISION:
            del sys.modules[name]
    return found


def esrgan(scale: int = 2, *, shuffle: int | None = None) -> dict[str, Any]:
    """A random ESRGAN by the oldest names, with strong weights, so that it shows what it does."""
    spandrel()
    import torch
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(7)
    taken = 3 * (shuffle or 1) ** 2
    network = ESRGAN(in_nc=taken, num_filters=8, num_blocks=1, scale=scale, shuffle_factor=shuffle)
    return {name: tensor * 1.5 for name, tensor in network.state_dict().items()}


def compact(scale: int = 4) -> dict[str, Any]:
    """A random SRVGGNetCompact."""
    spandrel()
    import torch
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(8)
    network: Any = Compact(num_feat=8, num_conv=2, upscale=scale)
    return dict(network.state_dict())


def with_new_names(state: dict[str, Any]) -> dict[str, Any]:
    """An ESRGAN as Real-ESRGAN's training names and wraps it."""
    last = max(int(name.split(".")[1]) for name in state)
    blocks = max(int(found[1]) for name in state if (found := re.match(r"model\.1\.sub\.(\d+)\.", name)))
    named = {
        "0": "conv_first",
        str(last - 2): "conv_hr",
        str(last): "conv_last",
        f"1.sub.{blocks}": "conv_body",
    }
    named |= {str(3 * number): f"conv_up{number}" for number in range(1, (last - 4) // 3 + 1)}

    def new(name: str) -> str:
        place, _, kind = name.removeprefix("model.").rpartition(".")
        found = re.fullmatch(r"1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0", place)
        return f"body.{found[1]}.rdb{found[2]}.conv{found[3]}.{kind}" if found else f"{named[place]}.{kind}"

    return {"params_ema": {new(name): tensor for name, tensor in state.items()}}
