"""What files of animations can hold, known from their names; for planning, too."""

from importlib.util import find_spec
from pathlib import Path

from sdflow.problems import problem
from sdflow.values.spec import AnimationSpec

_FASTEST_GIF = 50
"""Frames for each second: players show those that are to stay for less than 20 ms much longer."""


def check_animation(path: Path, spec: AnimationSpec) -> None:
    """Refuse what a file of this name cannot hold; for planning.

    Raises:
        UserError: SDF372, its kind cannot do that; SDF445, a package is missing.
    """
    suffix = path.suffix.lower()
    if suffix == ".gif" and spec.fps > _FASTEST_GIF:
        message = f"{path.name}: GIF shows at most {_FASTEST_GIF} frames a second, not {spec.fps:g}"
        raise problem("SDF372", message, hint="write a .webp or a .mp4")
    if suffix != ".mp4":
        return
    if spec.width % 2 or spec.height % 2:
        message = f"{path.name}: MP4 takes even sides, and the frames are {spec.width}×{spec.height}"
        raise problem("SDF372", message, hint="put a resize-image node with multiple-of: 2 before it")
    if spec.loop is not None:
        message = f"{path.name}: MP4 does not say how often it is shown"
        raise problem("SDF372", message, hint="leave loop out, or write a .gif or a .webp")
    if find_spec("imageio_ffmpeg") is None:
        hint = 'install it with: pip install "sdflow[video]"'
        raise problem("SDF445", f"{path.name}: MP4 is written by imageio-ffmpeg, which is missing", hint=hint)
