"""The picture that the img2img recipe starts from is the one that its script paints."""

import runpy
from pathlib import Path

import numpy as np

from sdflow.pictures.read import ImageFacts, facts_of, read

ASSETS = Path(__file__).parents[2] / "recipes" / "assets"


def test_its_size_is_that_of_the_recipe() -> None:
    assert facts_of(ASSETS / "sketch.png") == ImageFacts(768, 512, 3, 8, "PNG", 1)


def test_the_script_paints_it() -> None:
    painted = np.asarray(runpy.run_path(str(ASSETS / "draw_sketch.py"))["sketch"]())
    kept = read(ASSETS / "sketch.png").pixels[0]
    # Not to the bit: how lines join may differ a little between versions of Pillow.
    assert np.abs(painted.astype(int) - kept).mean() < 3
