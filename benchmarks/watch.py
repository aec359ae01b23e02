"""How long after saving a changed prompt the picture is there, with `sdflow run --watch`.

    python -m benchmarks.watch [--quick]

`--watch --json` runs in a process of its own; its events are read as they come. What is timed goes from the write of
the recipe to the event that says that the picture is written; the loop's own time is that of the `denoise` in it.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure, report
from benchmarks.processes import SDFLOW, environment
from benchmarks.recipes import text_to_image
from sdflow.models.builtin import builtin_folder

_LOOPS, _SECONDS = 1.1, 0.3
"""The limit: so many times the loop's own time, and so many seconds."""
_SETTLE = 0.5


@dataclass(frozen=True, slots=True)
class Save:
    """One save: seconds until the picture was written, and seconds of the denoising loop in them."""

    picture: float
    loop: float

    @property
    def share(self) -> float:
        """Of the time that is allowed; at most 1 is within the limit."""
        return self.picture / (_LOOPS * self.loop + _SECONDS)


@contextmanager
def watching(recipe: Path, folder: Path) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a `run --watch`, which ends with the block."""
    command = [*SDFLOW, "run", str(recipe), "--watch", "--json", "-o", str(folder / "out")]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        if process.stdout is None:
            raise AssertionError("it was asked for")
        try:
            yield (json.loads(line) for line in process.stdout)
        finally:
            process.terminate()


def saves(folder: Path, side: int, steps: int, number: int) -> list[Save]:
    """Save `number` changed prompts, one after the other.

    Raises:
        RuntimeError: `--watch` ended, or a picture was not made anew.
    """
    builtin_folder("tiny", folder / "cache")
    recipe = folder / "recipe.yaml"
    write(recipe, side, steps, "the first prompt")
    found: list[Save] = []
    with watching(recipe, folder) as events:
        until_finished(events)
        for turn in range(number + 1):
            time.sleep(_SETTLE)  # until it watches, as between two saves of a person
            began = time.perf_counter()
            write(recipe, side, steps, f"another prompt, number {turn}")
            loop, written = until_finished(events)
            if turn:  # the first save is not counted
                found.append(Save(written - began, loop))
    return found


def write(recipe: Path, side: int, steps: int, prompt: str) -> None:
    """Save the recipe, as an editor does it: beside and renamed."""
    beside = recipe.with_suffix(".new")
    text = yaml.safe_dump(text_to_image("builtin:tiny", side, steps, prompt), sort_keys=False)
    beside.write_text(text, encoding="utf-8")
    beside.replace(recipe)


def until_finished(events: Iterator[dict[str, Any]]) -> tuple[float, float]:
    """The seconds of `denoise` in the next run, and the moment at which its picture was written."""
    loop = written = 0.0
    for event in events:
        if event["event"] == "node-finished" and event["type"] == "denoise":
            loop = float(event["seconds"])
        elif event["event"] == "output-written" and event["fresh"]:
            written = time.perf_counter()
        elif event["event"] == "run-finished":
            if not (loop and written):
                raise RuntimeError("the picture was not made anew")
            return loop, written
    raise RuntimeError("`run --watch` has ended")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small picture; writes no results")
    quick = parser.parse_args(arguments).quick
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        found = saves(Path(name), *((64, 2, 1) if quick else (256, 20, 9)))
    picture, loop = (
        statistics.median(times) for times in zip(*((it.picture, it.loop) for it in found), strict=True)
    )
    share = statistics.median(save.share for save in found)
    allowed = f"÷ ({_LOOPS} × loop + {_SECONDS} s)"
    figures = [
        Figure("--watch: from saving a changed prompt to the picture", share, 1.0, note=allowed),
        Figure("--watch: beside the loop", picture - loop, None, "s"),
    ]
    report(
        "watch",
        figures,
        {"seconds": [{"picture": round(it.picture, 4), "loop": round(it.loop, 4)} for it in found]},
        quick=quick,
    )


if __name__ == "__main__":
    main()
