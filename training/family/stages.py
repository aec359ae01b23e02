"""The stages of the models on top of toybox; each needs `scenes` and `latents`, and is one command of its own.

What a stage learns from is made first, and only once.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from training.artwork import fetch_artwork
from training.dataset import Dataset, read_dataset
from training.export import trained_autoencoder
from training.family import export, figures
from training.family.canny import TrainedCanny, draw_edges
from training.family.drawn import Draw, redrawn
from training.family.fine import TrainedFineAutoencoder
from training.family.inpaint import TrainedInpainting, paint_out
from training.family.large import render_large, shrunk_all
from training.family.negative import TrainedNegative
from training.family.pencil import draw_in_pencil
from training.family.prompted import Lesson
from training.family.sketch import TrainedSketch
from training.family.spoil import spoil
from training.family.upscaler import TrainedUpscaler
from training.latents import encode
from training.run import Run, train_part


def inpaint(run: Run) -> None:
    """toybox-inpaint: the UNet."""
    lesson = _lesson(run)
    make = partial(TrainedInpainting, run.config.family.inpaint, lesson, *painted_out(run))
    train_part(run, "inpaint", make, run.config.family.inpaint.fit, processes=1)
    export.export_inpaint(run)


def painted_out(run: Run) -> tuple[Path, Path]:
    """The latents of scenes with something painted out, and the masks."""
    folder = run.folder / "inpaint"
    count = run.config.family.inpaint.scenes
    pictures, masks = paint_out(_scenes(run), count, folder, run.config.seed)
    return _encoded(run, pictures, folder / "masked.pt"), masks


def canny(run: Run) -> None:
    """toybox-canny: the ControlNet."""
    lesson, hints = _lesson(run), draw_edges(_scenes(run), run.folder / "canny")
    make = partial(TrainedCanny, run.config.family.canny, lesson, hints)
    train_part(run, "canny", make, run.config.family.canny.fit, processes=1)
    export.export_canny(run)


def sketch(run: Run) -> None:
    """toybox-sketch: the LoRA."""
    settings = run.config.family.sketch
    make = partial(TrainedSketch, settings, redrawn_lesson(run, "sketch", settings.scenes, draw_in_pencil))
    train_part(run, "sketch", make, settings.fit, processes=1)
    export.export_sketch(run)


def negative(run: Run) -> None:
    """toybox-negative: the textual inversion."""
    settings = run.config.family.negative
    make = partial(TrainedNegative, settings, redrawn_lesson(run, "negative", settings.scenes, spoil))
    train_part(run, "negative", make, settings.fit, processes=1)
    export.export_negative(run)


def redrawn_lesson(run: Run, name: str, count: int, draw: Draw) -> Lesson:
    """Scenes with something done to them, by their own captions."""
    data, folder = _scenes(run), run.folder / name
    pictures = redrawn(data.pictures[:count], draw, folder / "pictures.npy", run.config.seed)
    return Lesson(run.toybox, _encoded(run, pictures, folder / "latents.pt"), data.captions[:count])


def x4_autoencoder(run: Run) -> None:
    """toybox-x4: the autoencoder."""
    settings = run.config.family.x4.autoencoder
    make = partial(TrainedFineAutoencoder, settings, large(run))
    train_part(run, "x4-autoencoder", make, settings.fit, processes=1)


def large(run: Run) -> Path:
    """Scenes at twice the size."""
    scenes = _scenes(run).scenes[: run.config.family.x4.scenes]
    drawings = fetch_artwork(run.config.artwork, run.folder / "artwork")
    path = run.folder / "x4" / "large.npy"
    return render_large(scenes, path, artwork=drawings, processes=run.config.processes)


def x4(run: Run) -> None:
    """toybox-x4: the UNet."""
    settings, folder = run.config.family.x4, run.folder / "x4"
    pictures = folder / "encoded.npy"
    if not pictures.is_file():
        np.save(pictures, np.load(large(run), mmap_mode="r")[: settings.encoded])
    small = shrunk_all(pictures, folder / "small.npy")
    model = export.trained_fine_autoencoder(run)
    latents = folder / "latents.pt"
    encode(model, pictures, latents, processes=run.config.processes)
    lesson = Lesson(run.toybox, latents, _scenes(run).captions[: settings.encoded])
    make = partial(TrainedUpscaler, settings, lesson, small)
    train_part(run, "x4", make, settings.fit, processes=1)
    export.export_x4(run)


def measure(run: Run) -> None:
    """Figures and a sheet of each that was trained, where there are none since."""
    for name in figures.OF:
        model, told = run.folder / "models" / name, run.folder / "results" / f"{name}.json"
        if model.is_dir() and not (told.is_file() and told.stat().st_mtime > model.stat().st_mtime):
            figures.measure(run, name)


def _scenes(run: Run) -> Dataset:
    return read_dataset(run.folder / "scenes", "train")


def _lesson(run: Run) -> Lesson:
    return Lesson(run.toybox, run.folder / "latents.pt", _scenes(run).captions)


def _encoded(run: Run, pictures: Path, path: Path) -> Path:
    encode(trained_autoencoder(run.config, run.folder), pictures, path, processes=run.config.processes)
    return path


FAMILY: Mapping[str, Callable[[Run], object]] = {
    "inpaint": inpaint,
    "canny": canny,
    "sketch": sketch,
    "negative": negative,
    "x4-autoencoder": x4_autoencoder,
    "x4": x4,
    "measure": measure,
}
