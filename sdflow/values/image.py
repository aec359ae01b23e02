"""Pictures and masks: numpy arrays, so that reading and writing them needs no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.spec import ImageSpec, MaskSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A batch of pictures.

    pixels: uint8 or uint16 [batch, height, width, 3 or 4]; sRGB, with straight alpha as fourth channel.
    """

    kind: ClassVar[str] = "Image"

    pixels: "NDArray[np.uint8] | NDArray[np.uint16]"

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.pixels.nbytes

    def spec(self) -> ImageSpec:
        """Its kind and shape."""
        batch, height, width, channels = self.pixels.shape
        return ImageSpec(batch, height, width, channels, self.pixels.itemsize * 8)

    def encode(self) -> Encoded:
        """For the store."""
        return Encoded(self.kind, {}, {"pixels": _to_raw(self.pixels)})

    @classmethod
    def decode(cls, encoded: Encoded) -> "Image":
        """From the store."""
        return cls(_from_raw(encoded.tensors["pixels"]))


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A batch of masks: uint8[batch, height, width], 0 keeps and 255 changes."""

    kind: ClassVar[str] = "Mask"

    pixels: "NDArray[np.uint8]"

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.pixels.nbytes

    def spec(self) -> MaskSpec:
        """Its kind and shape."""
        batch, height, width = self.pixels.shape
        return MaskSpec(batch, height, width)

    def encode(self) -> Encoded:
        """For the store."""
        return Encoded(self.kind, {}, {"pixels": _to_raw(self.pixels)})

    @classmethod
    def decode(cls, encoded: Encoded) -> "Mask":
        """From the store."""
        return cls(_from_raw(encoded.tensors["pixels"]))  # type: ignore[arg-type]  # a mask is written as uint8


def _to_raw(array: "NDArray[np.uint8] | NDArray[np.uint16]") -> RawTensor:
    return RawTensor("U8" if array.itemsize == 1 else "U16", tuple(array.shape), array.tobytes())


def _from_raw(raw: RawTensor) -> "NDArray[np.uint8] | NDArray[np.uint16]":
    import numpy as np

    if raw.dtype == "U8":
        return np.frombuffer(raw.data, dtype=np.uint8).reshape(raw.shape).copy()
    return np.frombuffer(raw.data, dtype=np.uint16).reshape(raw.shape).copy()
