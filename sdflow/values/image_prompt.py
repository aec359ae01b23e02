"""Pictures as prompts: what they are encoded to, and the adapter that a UNet attends to them with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sdflow.values.encoded import Encoded
from sdflow.values.model import Loadable
from sdflow.values.spec import Features, ImagePromptSpec
from sdflow.values.tensors import from_raw, to_raw

if TYPE_CHECKING:
    import torch

_PATCHES = 3
"""Dimensions of features that have some for each patch."""


@dataclass(frozen=True, slots=True)
class IpAdapter(Loadable):
    """An IP-Adapter with the image encoder that it was trained with: components `ip_adapter` and `image_encoder`."""

    kind: ClassVar[str] = "IpAdapter"

    @property
    def features(self) -> Features:
        """Which features of a picture it takes: one vector of the whole, or one of each patch."""
        return "whole" if self.components["ip_adapter"].config["kind"] == "plain" else "patches"

    @property
    def width(self) -> int:
        """The width of those features."""
        return int(str(self.components["ip_adapter"].config["width"]))

    def __str__(self) -> str:
        config = self.components["ip_adapter"].config
        return f"IP-Adapter ({config['kind']}) for text {config['context']} wide"


@dataclass(frozen=True, slots=True, eq=False)
class ImagePrompt:
    """Encoded pictures, for an IP-Adapter.

    positive: float32[pictures, width] of whole pictures, or float32[pictures, patches, width]; on the CPU.
    negative: the same of no picture, which guidance leads away from.
    """

    kind: ClassVar[str] = "ImagePrompt"

    positive: "torch.Tensor"
    negative: "torch.Tensor"

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.positive.nbytes + self.negative.nbytes

    def spec(self) -> ImagePromptSpec:
        """Its kind and shape."""
        shape = tuple(self.positive.shape)
        return ImagePromptSpec(shape[0], shape[-1], "patches" if len(shape) == _PATCHES else "whole")

    def encode(self) -> Encoded:
        """For the store."""
        return Encoded(self.kind, {}, {"positive": to_raw(self.positive), "negative": to_raw(self.negative)})

    @classmethod
    def decode(cls, encoded: Encoded) -> "ImagePrompt":
        """From the store."""
        return cls(from_raw(encoded.tensors["positive"]), from_raw(encoded.tensors["negative"]))
