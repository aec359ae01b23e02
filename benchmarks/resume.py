"""What it costs to keep states inside a denoise, so that a killed run goes on: against the same run without.

    python -m benchmarks.resume [--quick]

A run of 2 s per step, as Stable Diffusion XL takes on a small GPU, would be hours here. So the UNet is one that sleeps
for 2 s and answers at once: the latent (4 × 128 × 128 for 1024 pixels), the sampler with its history (dpm++-2m: two
predictions more), the random streams, the loop, the store and the disk are the real ones, and everything that keeping a
state adds is there. While a UNet sleeps the processor is idle, as it is while a GPU works; on a processor that computes
the step itself, writing takes turns with it. So the processor's time is a figure of its own: what keeping adds to
it, against the time of the whole run, is what the ratio could be at most.

Runs without states, with one every five seconds (the default) and with one after each step take turns.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure, report, rounded
from benchmarks.recipes import text_to_image
from sdflow.composing import compose_file
from sdflow.composition import Composition, Json
from sdflow.recipe import Changes
from sdflow.values import State
from sdflow.wishes import Wishes
from sdflow.workflow import Session, Settings

LIMIT = 1.02
NEVER = 1e9
WAYS: Mapping[str, float] = {"none": NEVER, "every 5 s": 5.0, "every step": 0.0}
"""Seconds between two states, by what the figures call it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One run: wall time and processor time in seconds, how many states it kept and how large one is."""

    wall: float
    processor: float
    states: int
    state_bytes: int


@contextmanager
def sleeping_unet(seconds: float) -> Iterator[None]:
    """While this lasts, every UNet takes so long and predicts a tenth of its input."""
    from diffusers import UNet2DConditionModel

    before = UNet2DConditionModel.forward

    def forward(self: object, sample: Any, *arguments: object, **options: object) -> tuple[Any]:  # noqa: ARG001  # the UNet's own
        time.sleep(seconds)
        return (sample * 0.1,)

    UNet2DConditionModel.forward = forward
    try:
        yield
    finally:
        UNet2DConditionModel.forward = before


def recipe_of(folder: Path, model: str, side: int, steps: int) -> Path:
    """A recipe with a sampler that has a history."""
    recipe = text_to_image(model, side, steps)
    recipe["nodes"]["sample"] |= {"sampler": "dpm++-2m-karras", "guidance": 1.0}
    path = folder / "resume.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def taken(session: Session, composition: Composition, save_every: float) -> Taken:
    """Run the denoise alone, from its start; all that feeds it is kept already."""
    session.settings = replace(session.settings, save_every=save_every)
    kept: list[int] = []
    begin = session.results.begin

    def counting(key: str, values: Mapping[str, Any]) -> None:
        kept.extend(value.nbytes for value in values.values() if isinstance(value, State))
        begin(key, values)

    session.results.begin = counting  # type: ignore[method-assign]  # a spy for the length of one run
    try:
        wall, processor = time.perf_counter(), time.process_time()
        result = session.run(composition, Wishes(to=("sample",), force=("sample",)))
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    finally:
        session.results.begin = begin  # type: ignore[method-assign]  # as above
    if result.failed or len(result.outcome.ran) != 1:
        raise RuntimeError("the denoise alone was to run")
    return Taken(wall, processor, len(kept), max(kept, default=0))


def measured(folder: Path, *, quick: bool) -> tuple[dict[str, list[Taken]], float]:
    """All runs by way, turn by turn; and what a step takes."""
    seconds, side, steps, turns = (0.05, 64, 4, 1) if quick else (2.0, 1024, 10, 3)
    model = "builtin:tiny" if quick else "builtin:tiny-xl"
    session = Session(Settings(device="cpu", cache=folder / "cache"))
    composition = compose_file(recipe_of(folder, model, side, steps), Changes(), session.registry)
    found: dict[str, list[Taken]] = {way: [] for way in WAYS}
    with sleeping_unet(0.0):
        session.run(
            composition, Wishes(to=("sample",))
        )  # models are loaded, and what feeds the denoise is kept
    with sleeping_unet(seconds):
        for _ in range(turns):
            for way, save_every in WAYS.items():
                found[way].append(taken(session, composition, save_every))
    return found, seconds


def figures_of(found: Mapping[str, Sequence[Taken]], seconds: float) -> list[Figure]:
    """Ratios of medians."""
    walls = {way: statistics.median(it.wall for it in runs) for way, runs in found.items()}
    work = {way: statistics.median(it.processor for it in runs) for way, runs in found.items()}
    step = f"{seconds:g} s a step"
    figures: list[Figure] = []
    for way in WAYS:
        if way == "none":
            continue
        figures.append(Figure(f"states {way}, {step}: time ÷ no states", walls[way] / walls["none"], LIMIT))
        extra = 1 + max(0.0, work[way] - work["none"]) / walls["none"]
        figures.append(Figure(f"states {way}, {step}: the same if the processor were busy", extra, LIMIT))
    return figures


def data_of(found: Mapping[str, Sequence[Taken]], seconds: float) -> dict[str, Json]:
    """All that was measured."""
    runs: dict[str, Json] = {
        way: {
            "wall seconds": [rounded(it.wall) for it in taken],
            "processor seconds": [rounded(it.processor) for it in taken],
            "states kept": [it.states for it in taken],
        }
        for way, taken in found.items()
    }
    largest = max(it.state_bytes for taken in found.values() for it in taken)
    return {"seconds a step, slept": seconds, "bytes of a state": largest, "runs": runs}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a second, for CI; writes no results")
    quick = parser.parse_args(arguments).quick
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        found, seconds = measured(Path(name), quick=quick)
    report("resume", figures_of(found, seconds), data_of(found, seconds), quick=quick)


if __name__ == "__main__":
    main()
