"""Tiles against the whole: how near they come, whether seams show, and that memory does not grow with the picture.

    python -m benchmarks.tiles [--quick]

toybox's autoencoder decodes a sheet of 512 pixels in tiles of 128 that overlap by 32, sdflow's and those of diffusers'
`enable_tiling` at the same sizes, and in one go. What counts is the mean squared error against the whole; and at seams
the mean step of that error from one side to the other, against the mean step of the picture itself between
neighbours there: a seam that is weaker than what the picture shows anyway is not seen.

Memory is the largest resident set of a process of its own, less that of one whose network computes nothing: what the
network takes, beside the picture's own buffers. Decoding, a UNet that looks through windows, and a network that
enlarges are run at sides of 256, 512 and 1024 pixels, in tiles and in one go.
"""

import argparse
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.figures import Figure, report, rounded
from benchmarks.processes import GIVING_BACK, ROOT
from benchmarks.tile_memory import FACTOR, KINDS, OVERLAP, TILE, toybox

if TYPE_CHECKING:
    from sdflow.composition import Json

_SEAMS, _HALF = 1.0, 0.5
_GROWTH = 1.25
"""Limits: a seam against the picture, sdflow's error against diffusers', memory against that of the smaller picture."""
_WORDS = {"decode": "decoding", "windows": "UNet in windows", "upscale": "enlarging"}


def sheet(side: int) -> Any:
    """Four drawings of toybox on a sheet, as a latent."""
    from PIL import Image as Pillow

    from sdflow.diffusion.streams import streams_from_seeds
    from sdflow.diffusion.vae import encode_image
    from sdflow.values import Image, LatentSpace

    with Pillow.open(ROOT / "docs" / "quickstart.png") as drawn:
        small = drawn.convert("RGB").resize((side, side), Pillow.Resampling.LANCZOS)
    space = LatentSpace("sd", 4, FACTOR)
    return encode_image(toybox("vae"), Image(np.array(small)[None]), streams_from_seeds((1,)), space)


def decoded(latent: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The picture in one go, and in tiles of both: float64[height, width, 3] in levels."""
    from sdflow.diffusion.tiles import Tiling
    from sdflow.diffusion.vae import decode_latent

    def pixels(vae: Any, tiling: Tiling | None) -> np.ndarray[Any, Any]:
        image = decode_latent(vae, latent, slicing=False, tiling=tiling)
        return np.asarray(image.pixels[0], dtype=np.float64)

    vae, theirs = toybox("vae"), toybox("vae")
    theirs.enable_tiling()
    if (theirs.tile_sample_min_size, theirs.tile_overlap_factor) != (TILE, OVERLAP / TILE):
        raise RuntimeError("diffusers' tiles have other sizes, so that there is nothing to compare")
    return {
        "whole": pixels(vae, None),
        "sdflow": pixels(vae, Tiling(TILE // FACTOR, OVERLAP // FACTOR)),
        "diffusers": pixels(theirs, None),
    }


def error(made: np.ndarray[Any, Any], whole: np.ndarray[Any, Any]) -> float:
    """Mean squared error in levels of 255."""
    return float(((made - whole) ** 2).mean())


def seam(made: np.ndarray[Any, Any], whole: np.ndarray[Any, Any], starts: Sequence[int]) -> float:
    """The strongest seam: the mean step of the error across it, over the picture's mean step around it.

    `starts` are the pixels at which tiles begin and end, the same from the left and from above.
    """
    wrong = made - whole
    found = []
    for along, picture in ((wrong, whole), (wrong.swapaxes(0, 1), whole.swapaxes(0, 1))):
        steps = np.abs(np.diff(along, axis=1)).mean(axis=(0, 2))
        own = np.abs(np.diff(picture, axis=1)).mean(axis=(0, 2))
        for at in starts:
            around = slice(max(at - FACTOR, 0), at + FACTOR)
            found.append(float(steps[at - 1] / own[around].mean()))
    return max(found)


def edges(side: int, *, theirs: bool) -> list[int]:
    """Where tiles begin or end inside a picture of this side, in pixels."""
    from sdflow.diffusion.tiles import Tiling

    step = TILE - OVERLAP
    if theirs:
        # A tile's blend with the one before it ends `OVERLAP` pixels behind its beginning.
        return [at for start in range(step, side, step) for at in (start, start + OVERLAP) if at < side]
    spans = Tiling(TILE // FACTOR, OVERLAP // FACTOR).spans(side // FACTOR)
    found = {FACTOR * at for span in spans for at in (span.start, span.start + span.size)}
    return sorted(found - {0, side})


def peak(kind: str, side: int, *flags: str) -> int:
    """Bytes of the largest resident set of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.tile_memory", kind, str(side), *flags]
    given = {**os.environ, **GIVING_BACK}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return int(done.stdout.splitlines()[-1])


def memory(kind: str, sides: Sequence[int], ways: Sequence[str]) -> dict[str, dict[str, int]]:
    """What a network takes beside the picture's buffers, in tiles and in one go, by side."""
    found: dict[str, dict[str, int]] = {way: {} for way in ways}
    for side in sides:
        for way in ways:
            flags = ("--whole",) if way == "whole" else ()
            own = peak(kind, side, *flags) - peak(kind, side, *flags, "--idle")
            found[way][str(side)] = max(own, 1)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small picture, one network; writes no results"
    )
    quick = parser.parse_args(arguments).quick
    side, sides, kinds = (256, (64, 160), ["upscale"]) if quick else (512, (256, 512, 1024), sorted(KINDS))
    made = decoded(sheet(side))
    whole = made.pop("whole")
    errors = {who: error(it, whole) for who, it in made.items()}
    seams = {who: seam(it, whole, edges(side, theirs=who == "diffusers")) for who, it in made.items()}
    ways = ("tiles",) if quick else ("tiles", "whole")
    taken = {kind: memory(kind, sides, ways) for kind in kinds}
    figures = [
        Figure("squared error", errors["sdflow"] / errors["diffusers"], _HALF, note="÷ diffusers' tiling"),
        Figure("strongest seam", seams["sdflow"], _SEAMS, note="÷ the picture's own steps there"),
        Figure("strongest seam of diffusers", seams["diffusers"], note="÷ the picture's own steps there"),
    ]
    small, large = (str(it) for it in (sides[0], sides[-1]))
    for kind in kinds:
        for way in ways:
            limit = _GROWTH if way == "tiles" else None
            words = (
                f"memory of {_WORDS[kind]}, {'in tiles' if way == 'tiles' else 'in one go'}, {large} pixels"
            )
            growth = taken[kind][way][large] / taken[kind][way][small]
            figures.append(Figure(words, growth, limit, note=f"÷ {small} pixels"))
    data: dict[str, Json] = {
        "side": side,
        "tile": TILE,
        "overlap": OVERLAP,
        "psnr": {who: rounded(10 * math.log10(255**2 / it)) for who, it in errors.items()},
        "bytes beside the picture's buffers": {
            kind: {way: dict(by_side) for way, by_side in it.items()} for kind, it in taken.items()
        },
    }
    report("tiles", figures, data, quick=quick)


if __name__ == "__main__":
    main()
