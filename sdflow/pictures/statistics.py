"""What `sdflow show` says of a value: shapes and statistics, with numpy alone."""

from typing import TYPE_CHECKING

from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.image import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "U16": "<u2",
    "BOOL": "?",
}
_CHANNELS = ("red", "green", "blue", "alpha")


def image_lines(image: Image) -> list[str]:
    """Size and depth, then one line for each channel over the whole batch."""
    batch, height, width, channels = image.pixels.shape
    many = f"{batch} × " if batch > 1 else ""
    first = f"{many}{width}×{height} pixels, {'RGBA' if channels == len(_CHANNELS) else 'RGB'}"
    lines = [f"{first}, {image.pixels.itemsize * 8} bits"]
    for place, name in enumerate(_CHANNELS[:channels]):
        lines.append(f"{name:<6}{_summary(image.pixels[..., place])}")
    return lines


def tensor_lines(encoded: Encoded) -> list[str]:
    """One line for each tensor of a stored value: name, type, shape, statistics; latents also by channel."""
    width = max((len(name) for name in encoded.tensors), default=0)
    lines: list[str] = []
    for name, raw in encoded.tensors.items():
        array = to_array(raw)
        shape = "×".join(map(str, raw.shape)) or "scalar"
        lines.append(f"{name:<{width}}  {raw.dtype} {shape}  {_summary(array)}")
        if encoded.kind == "Latent" and name == "samples" and array.size:
            lines += [
                f"{f'channel {place}':<{width}}  {_summary(array[:, place])}" for place in range(raw.shape[1])
            ]
    return lines


def to_array(raw: RawTensor) -> "NDArray[np.generic]":
    """A stored tensor as numpy array; bfloat16, which numpy lacks, as the float32 of the same value.

    A bfloat16 is the upper half of a float32.
    """
    import numpy as np

    if raw.dtype == "BF16":
        halves = np.frombuffer(raw.data, dtype="<u2").astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(raw.shape)
    return np.frombuffer(raw.data, dtype=_DTYPES[raw.dtype]).reshape(raw.shape)


def _summary(array: "NDArray[np.generic]") -> str:
    """Least, greatest, mean and standard deviation of the finite values, and how many are not finite."""
    import numpy as np

    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "no finite values" if values.size else "empty"
    numbers = {"min": finite.min(), "max": finite.max(), "mean": finite.mean(), "std": finite.std()}
    text = "  ".join(f"{name} {value:>9.4g}" for name, value in numbers.items())
    broken = values.size - finite.size
    return f"{text}  {broken} not finite" if broken else text
