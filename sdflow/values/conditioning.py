"""Conditioning: prompts after the text encoder."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from sdflow.composition import Json
from sdflow.values.encoded import Encoded, RawTensor
from sdflow.values.spec import ALWAYS, Area, ConditioningSpec, EntrySpec, Span
from sdflow.values.tensors import from_raw, to_raw

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One embedded prompt, and where and when it counts.

    embeddings: float[batch, tokens, width] in the text encoder's dtype, on the CPU; batch 1 serves every item.
    pooled: float[batch, pooled width], as SDXL's UNets take beside them; None for others.
    span: in which steps it counts. strength: its weight against other entries of its side.
    area: the rectangle of the picture that it is about; None is all of it.
    mask: uint8[1 or batch, height, width], how much it counts at each pixel (255 is fully); None is everywhere.
    """

    embeddings: "torch.Tensor"
    pooled: "torch.Tensor | None" = None
    span: Span = ALWAYS
    strength: float = 1.0
    area: Area | None = None
    mask: "torch.Tensor | None" = None

    @property
    def tensors(self) -> "dict[str, torch.Tensor]":
        """Its tensors by name."""
        named = {"embeddings": self.embeddings, "pooled": self.pooled, "mask": self.mask}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    def spec(self) -> EntrySpec:
        """What is known of it without its numbers."""
        mask = None if self.mask is None else (self.mask.shape[-2], self.mask.shape[-1])
        return EntrySpec(self.embeddings.shape[1], self.span, self.strength, self.area, mask)

    def to_json(self) -> Json:
        """Everything but the tensors."""
        span, area = self.span, self.area
        return {
            "span": [
                span.from_step,
                span.until_step,
                span.from_,
                span.until,
                [list(turn) for turn in span.turns],
            ],
            "strength": self.strength,
            "area": None if area is None else [area.left, area.top, area.width, area.height],
        }

    @classmethod
    def of(cls, skeleton: dict[str, Json], tensors: "dict[str, torch.Tensor]") -> "Entry":
        """From `to_json` and the tensors."""
        first, last, from_, until, turns = cast(
            "tuple[int, int | None, float, float, list[tuple[int, int]]]", skeleton["span"]
        )
        area = cast("list[float] | None", skeleton["area"])
        return cls(
            **tensors,
            span=Span(first, last, from_, until, tuple((turn, count) for turn, count in turns)),
            strength=cast("float", skeleton["strength"]),
            area=None if area is None else Area(*area),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """What to draw (`positive`) and what to keep away from (`negative`), as classifier-free guidance takes them."""

    kind: ClassVar[str] = "Conditioning"

    positive: tuple[Entry, ...]
    negative: tuple[Entry, ...]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(
            tensor.nbytes for entry in (*self.positive, *self.negative) for tensor in entry.tensors.values()
        )

    def spec(self) -> ConditioningSpec:
        """Its kind and shape."""
        first = self.positive[0]
        entries = (*self.positive, *self.negative)
        batch = max(len(tensor) for entry in entries for tensor in entry.tensors.values())
        pooled = 0 if first.pooled is None else first.pooled.shape[-1]
        return ConditioningSpec(
            batch,
            first.embeddings.shape[-1],
            tuple(entry.spec() for entry in self.positive),
            tuple(entry.spec() for entry in self.negative),
            pooled,
        )

    def encode(self) -> Encoded:
        """For the store."""
        sides = {"positive": self.positive, "negative": self.negative}
        tensors: dict[str, RawTensor] = {
            f"{side}.{number}.{name}": to_raw(tensor)
            for side, entries in sides.items()
            for number, entry in enumerate(entries)
            for name, tensor in entry.tensors.items()
        }
        skeleton: dict[str, Json] = {
            side: [entry.to_json() for entry in entries] for side, entries in sides.items()
        }
        return Encoded(self.kind, skeleton, tensors)

    @classmethod
    def decode(cls, encoded: Encoded) -> "Conditioning":
        """From the store."""
        skeleton = cast("dict[str, list[dict[str, Json]]]", encoded.skeleton)

        def side(name: str) -> Iterator[Entry]:
            for number, entry in enumerate(skeleton[name]):
                prefix = f"{name}.{number}."
                tensors = {
                    key.removeprefix(prefix): from_raw(raw)
                    for key, raw in encoded.tensors.items()
                    if key.startswith(prefix)
                }
                yield Entry.of(entry, tensors)

        return cls(tuple(side("positive")), tuple(side("negative")))
