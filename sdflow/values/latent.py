"""Latents: what a denoise works on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from sdflow.values.beside import Beside, decode_beside, encode_beside, kind_of, tensors_of
from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.spec import LatentSpace, LatentSpec, Level
from sdflow.values.tensors import from_raw, to_raw

if TYPE_CHECKING:
    import torch

    from sdflow.composition import Json


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """A batch of latents with their noise level and random streams.

    samples: float32[batch, channels, height, width], on the CPU.
    streams: uint8[batch, n], the state of one CPU random generator per item (`torch.Generator.get_state`); the
    next draw of item i comes from stream i, whoever makes it.
    beside: what the UNet is shown beside the samples; None for text to image.
    """

    kind: ClassVar[str] = "Latent"

    samples: "torch.Tensor"
    streams: "torch.Tensor"
    space: LatentSpace
    level: Level
    beside: Beside | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        others = () if self.beside is None else tensors_of(self.beside).values()
        return sum(tensor.nbytes for tensor in (self.samples, self.streams, *others))

    def spec(self) -> LatentSpec:
        """Its kind and shape."""
        batch, _, height, width = self.samples.shape
        return LatentSpec(batch, height, width, self.space, self.level, kind_of(self.beside))

    def encode(self) -> Encoded:
        """For the store."""
        space = self.space
        skeleton: dict[str, Json] = {
            "space": [space.family, space.channels, space.factor],
            "level": self.level.to_json(),
        }
        tensors: dict[str, RawTensor] = {"samples": to_raw(self.samples), "streams": to_raw(self.streams)}
        if self.beside is not None:
            skeleton["beside"], others = encode_beside(self.beside)
            tensors |= others
        return Encoded(self.kind, skeleton, tensors)

    @classmethod
    def decode(cls, encoded: Encoded) -> "Latent":
        """From the store."""
        skeleton = cast("dict[str, object]", encoded.skeleton)
        space = LatentSpace(*cast("list[int]", skeleton["space"]))  # type: ignore[arg-type]  # family, channels, factor
        level = Level(**cast("dict[str, object]", skeleton["level"]))  # type: ignore[arg-type]  # written by to_json
        kind = cast("str | None", skeleton.get("beside"))
        return cls(
            from_raw(encoded.tensors["samples"]),
            from_raw(encoded.tensors["streams"]),
            space,
            level,
            None if kind is None else decode_beside(kind, dict(encoded.tensors)),
        )
