"""Between torch tensors and stored bytes. torch is imported when called, never before."""

from typing import TYPE_CHECKING

from sdflow.values.encoded import RawTensor

if TYPE_CHECKING:
    import torch

_NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "uint8": "U8",
    "bool": "BOOL",
}
_IMAGE_DIMENSIONS = 4
"""Batch, channels, height, width."""
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}


def to_raw(tensor: "torch.Tensor") -> RawTensor:
    """The bytes of a tensor."""
    import torch

    flat = tensor.detach().cpu().contiguous()
    data = flat.reshape(-1).view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    name = _NAMES[str(flat.dtype).removeprefix("torch.")]
    return RawTensor(name, tuple(flat.shape), data, _is_channels_last(tensor))


def _is_channels_last(tensor: "torch.Tensor") -> bool:
    import torch

    return (
        tensor.ndim == _IMAGE_DIMENSIONS
        and not tensor.is_contiguous()
        and tensor.is_contiguous(memory_format=torch.channels_last)
    )


def from_raw(raw: RawTensor) -> "torch.Tensor":
    """A tensor on the CPU with memory of its own, aligned as torch aligns."""
    import torch

    dtype: torch.dtype = getattr(torch, _DTYPES[raw.dtype])
    out = torch.empty(raw.shape, dtype=dtype)
    if out.numel():
        out.reshape(-1).view(torch.uint8).copy_(torch.frombuffer(bytearray(raw.data), dtype=torch.uint8))
    return out.contiguous(memory_format=torch.channels_last) if raw.channels_last else out
