"""Rendered scenes on disk: pictures as one array, captions and what they show beside it."""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from training.artist import Artist
from training.backgrounds import SIDE
from training.scenes import Placed, Scene, draw_scene

_CHUNK = 500


@dataclass(frozen=True)
class Dataset:
    """Scenes and their pictures, uint8 [scenes, 128, 128, 3], mapped from disk."""

    scenes: Sequence[Scene]
    pictures: npt.NDArray[np.uint8]

    @property
    def captions(self) -> list[str]:
        """In the order of the pictures."""
        return [scene.caption for scene in self.scenes]


def render_dataset(
    folder: Path, name: str, count: int, *, seed: int, artwork: Path, processes: int, holding_out: bool = True
) -> Dataset:
    """`count` scenes by lot, rendered by several processes; read if they are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures, told = folder / f"{name}.npy", folder / f"{name}.json"
    if not told.is_file():
        array = np.lib.format.open_memmap(pictures, "w+", np.uint8, (count, SIDE, SIDE, 3))
        scenes: list[Scene] = []
        sizes = [min(_CHUNK, count - start) for start in range(0, count, _CHUNK)]
        seeds = [f"{seed} {name} {index}" for index in range(len(sizes))]
        with ProcessPoolExecutor(processes) as pool:
            for part, drawn in pool.map(_chunk, repeat(artwork), seeds, sizes, repeat(holding_out)):
                array[len(scenes) : len(scenes) + len(part)] = drawn
                scenes += part
                print(f"scenes {name}: {len(scenes):,} of {count:,}", flush=True)
        array.flush()
        writing = told.with_suffix(".writing")
        writing.write_text(json.dumps([asdict(scene) for scene in scenes]), encoding="utf-8")
        writing.replace(told)
    return read_dataset(folder, name)


def read_dataset(folder: Path, name: str) -> Dataset:
    """What `render_dataset` wrote.

    Raises:
        FileNotFoundError: nothing of this name was rendered here.
    """
    told = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    scenes = [
        Scene(**{**scene, "placed": tuple(Placed(**placed) for placed in scene["placed"])}) for scene in told
    ]
    return Dataset(scenes, np.load(folder / f"{name}.npy", mmap_mode="c"))


def _chunk(
    artwork: Path,
    seed: str,
    count: int,
    holding_out: bool,  # noqa: FBT001  # `map` gives it by place
) -> tuple[list[Scene], npt.NDArray[np.uint8]]:
    random, artist = Random(seed), Artist(artwork)
    scenes = [draw_scene(random, holding_out=holding_out) for _ in range(count)]
    return scenes, np.stack([artist.render(scene) for scene in scenes])
