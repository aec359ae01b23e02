"""Latents: what a denoise works on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from sdflow.values.encoded import Encoded
from sdflow.values.spec import LatentSpace, LatentSpec, Level
from sdflow.values.tensors import from_raw, to_raw

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """A batch of latents with their noise level and random streams.

    samples: float32[batch, channels, height, width], on the CPU.
    streams: uint8[batch, n], the state of one CPU random generator per item (`torch.Generator.get_state`); the
    next draw of item i comes from stream i, whoever makes it.
    """

    kind: ClassVar[str] = "Latent"

    samples: "torch.Tensor"
    streams: "torch.Tensor"
    space: LatentSpace
    level: Level

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.samples.nbytes + self.streams.nbytes

    def spec(self) -> LatentSpec:
        """Its kind and shape."""
        batch, _, height, width = self.samples.shape
        return LatentSpec(batch, height, width, self.space, self.level)

    def encode(self) -> Encoded:
        """For the store."""
        space = self.space
        return Encoded(
            self.kind,
            {"space": [space.family, space.channels, space.factor], "level": self.level.to_json()},
            {"samples": to_raw(self.samples), "streams": to_raw(self.streams)},
        )

    @classmethod
    def decode(cls, encoded: Encoded) -> "Latent":
        """From the store."""
        skeleton = cast("dict[str, object]", encoded.skeleton)
        space = LatentSpace(*cast("list[int]", skeleton["space"]))  # type: ignore[arg-type]  # family, channels, factor
        level = Level(**cast("dict[str, object]", skeleton["level"]))  # type: ignore[arg-type]  # written by to_json
        return cls(from_raw(encoded.tensors["samples"]), from_raw(encoded.tensors["streams"]), space, level)
