"""A small sheet of what a model does: a row of pictures for each way of drawing, a column for each prompt."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from sdflow.pictures.grid import grid
from sdflow.values import Image
from training.family.drawing import Pictures


def write_sheet(path: Path, rows: Sequence[Pictures], labels: Sequence[str], prompts: Sequence[str]) -> None:
    """Writes a JPEG: the pictures of a prompt below each other, what made them and the prompt below that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = f"from above: {', '.join(labels)}"
    columns = [np.concatenate([row[index] for row in rows]) for index in range(len(prompts))]
    made = grid(
        [Image(column[None]) for column in columns],
        labels=list(prompts),
        columns=len(prompts),
        text_size=13,
    )
    picture = PIL.Image.fromarray(made.pixels[0])
    picture.save(path, quality=88, comment=said)
