"""What is done to a module once it is loaded, as `Component.prepared` says. Imports torch.

All of it belongs to what the pool knows the module by, so that nothing has to be undone.
"""

from typing import Any

import torch

_MOST_SIZES = 256
"""Shapes for which one kind of block is compiled in a process; torch's own limit is 8, which two sizes reach."""


def prepare(module: Any, words: tuple[str, ...], dtype: torch.dtype) -> None:
    """Do it, in this order.

    Args:
        module: a UNet or a VAE of diffusers on its device.
        words: of `fused-qkv`, `channels-last`, `int8-weights`, `float8-storage` and `compiled`.
        dtype: what it computes in.
    """
    for word in words:
        if word == "fused-qkv":
            module.fuse_qkv_projections()
        elif word == "channels-last":
            module.to(memory_format=torch.channels_last)
        elif word == "int8-weights":
            from torchao.quantization import Int8WeightOnlyConfig, quantize_

            quantize_(module, Int8WeightOnlyConfig())
        elif word == "float8-storage":
            module.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)
        elif word == "compiled":
            _compile(module)
        else:
            raise ValueError(word)


def bytes_of(tensor: torch.Tensor) -> int:
    """What a tensor takes; of a quantised one, what it is made of: its own `nbytes` are those before quantising."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        return tensor.nbytes
    return sum(bytes_of(getattr(tensor, name)) for name in flatten()[0])


def _compile(module: Any) -> None:
    """Each size for itself, and never back to uncompiled: bits must not depend on what was computed before."""
    import torch._dynamo

    settings: Any = torch._dynamo.config  # noqa: SLF001 - that is where torch has them
    for name in ("recompile_limit", "cache_size_limit"):  # the newer name and the older
        if hasattr(settings, name):
            setattr(settings, name, max(getattr(settings, name), _MOST_SIZES))
    module.compile_repeated_blocks(dynamic=False)
