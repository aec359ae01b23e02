"""Animations as files: GIF and WebP by Pillow, MP4 by ffmpeg, which imageio-ffmpeg brings along."""

import io
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sdflow.pictures.atomic import write_atomically
from sdflow.pictures.texts import PARAMETERS, RECORD
from sdflow.problems import problem
from sdflow.values.animation import Animation
from sdflow.values.animation_files import check_animation

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

_TICK = 10
"""Milliseconds in which GIF counts."""
_ALPHA = 4


def write_animation(animation: Animation, path: Path, texts: Mapping[str, str]) -> None:
    """Write an animation by the extension of its name; WebP has `texts` inside. Equal ones give equal bytes.

    Raises:
        UserError: SDF372, SDF445, SDF701, SDF702, SDF706.
    """
    check_animation(path, animation.spec())
    encode = {".gif": _gif, ".webp": to_webp, ".mp4": _mp4}[path.suffix.lower()]
    write_atomically(path, encode(animation, texts))


def durations(animation: Animation, tick: int) -> list[int]:
    """Milliseconds for which each frame stays, whole ticks, without drifting away from the frames for each second."""
    count = len(animation.frames.pixels)
    moments = [round(1000 * number / animation.fps / tick) * tick for number in range(count + 1)]
    each = [after - before for before, after in pairwise(moments)]
    each[-1] += round(1000 * animation.hold / tick) * tick
    return each


def _pictures(animation: Animation) -> "list[PilImage]":
    import PIL.Image

    return [PIL.Image.fromarray(pixels) for pixels in animation.frames.pixels]


def _gif(animation: Animation, _texts: Mapping[str, str]) -> bytes:
    from PIL.Image import Dither, Quantize

    frames = [
        picture.convert("RGB").quantize(256, Quantize.MEDIANCUT, dither=Dither.FLOYDSTEINBERG)
        if picture.mode == "RGB"
        else picture
        for picture in _pictures(animation)
    ]
    # GIF counts repetitions after the first showing, and one that says nothing is shown once.
    loop = 0 if animation.loop is None else animation.loop
    options = {} if loop == 1 else {"loop": 0 if loop == 0 else loop - 1}
    return _saved(frames, "GIF", duration=durations(animation, _TICK), disposal=2, optimize=False, **options)


def to_webp(animation: Animation, texts: Mapping[str, str]) -> bytes:
    """The bytes of a WebP file, with `texts` inside."""
    from sdflow.pictures.exif import exif_with

    exif = exif_with(texts.get(PARAMETERS), texts.get(RECORD)) if texts else b""
    return _saved(
        _pictures(animation),
        "WEBP",
        duration=durations(animation, 1),
        loop=animation.loop or 0,
        quality=90,
        method=4,
        exif=exif,
    )


def _saved(frames: "list[PilImage]", format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(buffer, format_, save_all=True, append_images=frames[1:], **options)
    return buffer.getvalue()


def _mp4(animation: Animation, _texts: Mapping[str, str]) -> bytes:
    """H.264 in 4:2:0, which every player shows; the last frame is repeated for as long as it is held."""
    import imageio_ffmpeg

    _, height, width, _ = animation.frames.pixels.shape
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{animation.fps:g}"]
    made = ["-c:v", "libx264", "-crf", "16", "-pix_fmt", "yuv420p", "-threads", "1"]
    whole = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "animation.mp4"
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-v",
            "error",
            *given,
            "-i",
            "-",
            *made,
            *whole,
            str(file),
        ]
        done = subprocess.run(command, input=b"".join(_shown(animation)), capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise problem("SDF701", f"ffmpeg could not write the animation: {said}")
        return file.read_bytes()


def _shown(animation: Animation) -> Iterator[bytes]:
    """The frames as they come, float on white where there is alpha: RGB, row by row."""
    import numpy as np

    last = b""
    for pixels in animation.frames.pixels:
        if pixels.shape[-1] == _ALPHA:
            share = pixels[..., 3:].astype(np.float32) / 255
            pixels = (pixels[..., :3] * share + 255 * (1 - share)).round().astype(np.uint8)  # noqa: PLW2901
        last = np.ascontiguousarray(pixels).tobytes()
        yield last
    for _ in range(round(animation.hold * animation.fps)):
        yield last
