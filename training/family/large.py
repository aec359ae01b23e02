"""Scenes at 256×256, for what paints pictures at four times their size."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.artist import Artist
from training.backgrounds import SIDE
from training.scenes import Scene

SCALE = 2
_CHUNK = 100
Pixels = npt.NDArray[np.uint8]


def render_large(scenes: Sequence[Scene], path: Path, *, artwork: Path, processes: int) -> Path:
    """uint8[scenes, 256, 256, 3] in `path`, rendered by several processes; made if it is not there yet."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        writing, side = path.with_suffix(".writing"), SIDE * SCALE
        array = np.lib.format.open_memmap(writing, "w+", np.uint8, (len(scenes), side, side, 3))
        parts = [scenes[start : start + _CHUNK] for start in range(0, len(scenes), _CHUNK)]
        with ProcessPoolExecutor(processes) as pool:
            for index, drawn in enumerate(pool.map(_rendered, repeat(artwork), parts)):
                array[index * _CHUNK : index * _CHUNK + len(drawn)] = drawn
        array.flush()
        writing.replace(path)
    return path


def _rendered(artwork: Path, scenes: Sequence[Scene]) -> Pixels:
    artist = Artist(artwork, scale=SCALE)
    return np.stack([artist.render(scene) for scene in scenes])


def shrunk(picture: Pixels) -> Pixels:
    """A picture at a quarter of its sides, as a good camera or program would make it."""
    small = Image.fromarray(picture).resize(
        (picture.shape[1] // 4, picture.shape[0] // 4), Image.Resampling.BICUBIC
    )
    return np.asarray(small)


def shrunk_all(pictures: Path, path: Path) -> Path:
    """All of them at a quarter of their sides, uint8[pictures, 64, 64, 3] in `path`; made if they are not there yet."""
    if not path.is_file():
        np.save(path, np.stack([shrunk(np.asarray(it)) for it in np.load(pictures, mmap_mode="r")]))
    return path
