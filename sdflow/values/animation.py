"""Pictures that are shown one after the other."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from sdflow.values.encoded import Encoded
from sdflow.values.image import Image
from sdflow.values.spec import AnimationSpec

if TYPE_CHECKING:
    from sdflow.composition import Json


@dataclass(frozen=True, slots=True, eq=False)
class Animation:
    """The frames, 8 bits each, and how they are shown.

    fps: frames for each second. hold: seconds for which the last frame stays, beside its own time.
    loop: how many times it is shown; 0 is for ever, None what players do by themselves.
    """

    kind: ClassVar[str] = "Animation"

    frames: Image
    fps: float
    hold: float = 0.0
    loop: int | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.frames.nbytes

    def spec(self) -> AnimationSpec:
        """Its kind and shape."""
        shape = self.frames.spec()
        return AnimationSpec(shape.batch, shape.height, shape.width, self.fps, self.hold, self.loop)

    def encode(self) -> Encoded:
        """For the store."""
        about: dict[str, Json] = {"fps": self.fps, "hold": self.hold, "loop": self.loop}
        return Encoded(self.kind, about, self.frames.encode().tensors)

    @classmethod
    def decode(cls, encoded: Encoded) -> "Animation":
        """From the store."""
        about = cast("dict[str, float]", encoded.skeleton)
        loop = cast("int | None", about["loop"])
        return cls(Image.decode(encoded), about["fps"], about["hold"], loop)
