"""Conditioning: prompts after the text encoder."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from sdflow.values.encoded import Encoded
from sdflow.values.spec import ConditioningSpec
from sdflow.values.tensors import from_raw, to_raw

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One embedded prompt.

    embeddings: float[batch, tokens, width] in the text encoder's dtype, on the CPU; batch 1 serves every item.
    """

    embeddings: "torch.Tensor"


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """What to draw (`positive`) and what to keep away from (`negative`), as classifier-free guidance takes them."""

    kind: ClassVar[str] = "Conditioning"

    positive: tuple[Entry, ...]
    negative: tuple[Entry, ...]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(entry.embeddings.nbytes for entry in (*self.positive, *self.negative))

    def spec(self) -> ConditioningSpec:
        """Its kind and shape."""
        batch, tokens, width = self.positive[0].embeddings.shape
        return ConditioningSpec(batch, tokens, width)

    def encode(self) -> Encoded:
        """For the store."""
        tensors = {f"positive.{i}": to_raw(entry.embeddings) for i, entry in enumerate(self.positive)}
        tensors |= {f"negative.{i}": to_raw(entry.embeddings) for i, entry in enumerate(self.negative)}
        return Encoded(self.kind, {}, tensors)

    @classmethod
    def decode(cls, encoded: Encoded) -> "Conditioning":
        """From the store."""

        def side(name: str) -> tuple[Entry, ...]:
            count = sum(key.startswith(f"{name}.") for key in encoded.tensors)
            return tuple(Entry(from_raw(encoded.tensors[f"{name}.{i}"])) for i in range(count))

        return cls(side("positive"), side("negative"))
