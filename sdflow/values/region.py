"""Where in pictures something lies."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from sdflow.values.encoded import Encoded
from sdflow.values.spec import RegionSpec

if TYPE_CHECKING:
    from sdflow.composition import Json


class Box(NamedTuple):
    """A rectangle in whole pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Region:
    """A box for each item of a batch of pictures of `width` × `height`."""

    kind: ClassVar[str] = "Region"

    boxes: tuple[Box, ...]
    width: int
    height: int

    @property
    def nbytes(self) -> int:
        """Bytes held, about."""
        return 32 * len(self.boxes)

    def spec(self) -> RegionSpec:
        """Its kind and shape."""
        return RegionSpec(len(self.boxes), self.height, self.width)

    def encode(self) -> Encoded:
        """For the store."""
        boxes: list[Json] = [list(box) for box in self.boxes]
        return Encoded(self.kind, {"boxes": boxes, "size": [self.width, self.height]}, {})

    @classmethod
    def decode(cls, encoded: Encoded) -> "Region":
        """From the store."""
        skeleton = cast("dict[str, list[list[int]]]", encoded.skeleton)
        width, height = cast("list[int]", skeleton["size"])
        return cls(tuple(Box(*box) for box in skeleton["boxes"]), width, height)
