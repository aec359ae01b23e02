"""Pictures as goldens keep and compare them: frames of at most a certain size, and their files."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias, cast

from sdflow.values import Animation, Image, Mask, StoredValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Frames: TypeAlias = "NDArray[np.uint8] | NDArray[np.uint16]"
"""[frames, height, width, 3 or 4]: one for a picture, all of an animation."""


def frames_of(value: StoredValue, index: int) -> "Frames | None":
    """What there is to see of item `index` of a value; None of what is no picture."""
    if isinstance(value, Animation):
        return value.frames.pixels
    if isinstance(value, Mask):
        from sdflow.pictures.mask import picture_of

        value = picture_of(value)
    return value.pixels[index : index + 1] if isinstance(value, Image) else None


def shrunk(frames: Frames, longest: int) -> Frames:
    """The frames with sides of at most `longest` pixels, in their proportions."""
    import numpy as np

    from sdflow.pictures.resize import resampled

    height, width = frames.shape[1:3]
    if max(height, width) <= longest:
        return frames
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cast("Frames", np.stack([resampled(frame, size, "box") for frame in frames]))


def picture_name(output: str) -> str:
    """The file that an output's picture is kept in: its own name, and `.png`."""
    return output if PurePosixPath(output).suffix.lower() == ".png" else f"{output}.png"


def to_png(frames: Frames) -> bytes:
    """A PNG file; frames of an animation stand one below the other."""
    from sdflow.pictures.write import Encoding, encode

    count, height, width, channels = frames.shape
    stacked = cast("Frames", frames.reshape(1, count * height, width, channels))
    return encode(Image(stacked), "PNG", encoding=Encoding(compression=9))


def from_png(path: Path, count: int) -> Frames:
    """The frames in a file, `count` of them where its height allows that.

    Raises:
        UserError: it is not there, or no picture.
    """
    from sdflow.pictures.read import read

    pixels = read(path).pixels[0]
    height, width, channels = pixels.shape
    frames = count if height % count == 0 else 1
    return cast("Frames", pixels.reshape(frames, height // frames, width, channels))


def difference_maps(one: Frames, two: Frames) -> tuple[Frames, int]:
    """A map of where each two frames differ, stretched so that the largest difference is white; and that largest."""
    import numpy as np

    from sdflow.pictures.likeness import difference_map
    from sdflow.pictures.pil import eight_bits

    count, height, width, channels = one.shape
    flat = (count * height, width, channels)
    found, most = difference_map(eight_bits(one).reshape(flat), eight_bits(two).reshape(flat))
    return cast("Frames", np.ascontiguousarray(found).reshape(count, height, width, 3)), most
