"""The way of a latent through a denoise: its states after some of the steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from sdflow.composition import Json
from sdflow.values.encoded import Encoded
from sdflow.values.latent import Latent
from sdflow.values.tensors import from_raw, to_raw

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything a denoise needs to go on after `step` steps, to the bit.

    latent: samples as the sampler holds them (float32[batch, channels, height, width]) and the random streams.
    history: what the sampler remembers of earlier steps: plain facts, and tensors under the names they name.
    """

    kind: ClassVar[str] = "State"

    step: int
    latent: Latent
    history: Mapping[str, Json]
    tensors: Mapping[str, "torch.Tensor"]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.latent.nbytes + sum(tensor.nbytes for tensor in self.tensors.values())

    def encode(self) -> Encoded:
        """For the store."""
        latent = self.latent.encode()
        return Encoded(
            self.kind,
            {"step": self.step, "latent": latent.skeleton, "history": dict(self.history)},
            {
                **{f"latent.{name}": raw for name, raw in latent.tensors.items()},
                **{f"history.{name}": to_raw(tensor) for name, tensor in self.tensors.items()},
            },
        )

    @classmethod
    def decode(cls, encoded: Encoded) -> "State":
        """From the store."""
        skeleton = cast("dict[str, Json]", encoded.skeleton)
        parts = {
            name.removeprefix("latent."): raw
            for name, raw in encoded.tensors.items()
            if name.startswith("latent.")
        }
        tensors = {
            name.removeprefix("history."): from_raw(raw)
            for name, raw in encoded.tensors.items()
            if name.startswith("history.")
        }
        return cls(
            cast("int", skeleton["step"]),
            Latent.decode(Encoded(Latent.kind, skeleton["latent"], parts)),
            cast("dict[str, Json]", skeleton["history"]),
            tensors,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Some states of one denoise, by the number of steps done. Kept state by state, never as one value."""

    kind: ClassVar[str] = "Trajectory"

    states: Mapping[int, State]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(state.nbytes for state in self.states.values())
