"""Scenes with something done to each of them, on disk."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from training.backgrounds import SIDE

Pixels: TypeAlias = npt.NDArray[np.uint8]
Draw: TypeAlias = Callable[[Pixels, Random], Pixels]


def redrawn(pictures: Pixels, draw: Draw, path: Path, seed: int) -> Path:
    """Every picture drawn anew by a lot of its own: uint8[pictures, 128, 128, 3] in `path`, made if it is not there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        writing = path.with_suffix(".writing")
        array = np.lib.format.open_memmap(writing, "w+", np.uint8, (len(pictures), SIDE, SIDE, 3))
        for index, picture in enumerate(pictures):
            array[index] = draw(np.asarray(picture), Random(f"{seed} {path.parent.name} {index}"))
        array.flush()
        writing.replace(path)
    return path
