"""One picture, cold and warm, against the diffusers pipeline.

    python -m benchmarks.picture [--quick]

Cold is a new process with an empty cache, `sdflow run`, against a script with `from_pretrained`, a call and `save`.
The warm loop is `sdflow.diffusion.denoise` against the pipeline's own call with `output_type="latent"` and embeddings
made beforehand, both with the same loaded UNet; their results must be equal to the bit. A warm run is all of
`Session.run` with another seed, files written, against the pipeline's call and `save`. The models are a tiny random one
with Stable Diffusion's topology, and toybox, the trained one that comes along.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure, report
from benchmarks.measure import seconds_of
from benchmarks.processes import SDFLOW, Child, in_turns, medians, ratio
from benchmarks.recipes import GUIDANCE, PIPELINE, PROMPT, text_to_image
from sdflow.composition import Json


def cold(model: Path, folder: Path, side: int, steps: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of both processes, turn by turn."""
    recipe, cache = folder / "recipe.yaml", folder / "cold"
    recipe.write_text(yaml.safe_dump(text_to_image(model, side, steps), sort_keys=False), encoding="utf-8")

    def forget() -> None:
        shutil.rmtree(cache, ignore_errors=True)
        shutil.rmtree(folder / "out", ignore_errors=True)

    script = (sys.executable, "-c", PIPELINE, model, side, side, steps, folder / "theirs.png")
    ours = Child((*SDFLOW, "run", recipe, "--cache", cache, "-o", folder / "out"), forget)
    return in_turns({"sdflow": ours, "diffusers": Child(script)}, folder, rounds)


def loaded(model: Path) -> Any:
    """The pipeline, as a user of diffusers loads it."""
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(model, safety_checker=None, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def pairs_of(ours: Callable[[], object], theirs: Callable[[], object], pairs: int) -> dict[str, list[float]]:
    """Seconds of two things in turns, now one first and now the other, after one pair that is not counted."""
    seconds: dict[str, list[float]] = {"sdflow": [], "diffusers": []}
    runs = {"sdflow": ours, "diffusers": theirs}
    for number in range(pairs + 1):
        for name in list(runs) if number % 2 else reversed(list(runs)):
            taken = seconds_of(runs[name])
            if number:
                seconds[name].append(taken)
    return seconds


def loop(pipeline: Any, side: int, steps: int, pairs: int) -> dict[str, list[float]]:
    """Seconds of the denoising loop alone.

    Raises:
        RuntimeError: the results are not equal.
    """
    import torch

    from sdflow.diffusion.denoise import DenoiseRequest, denoise
    from sdflow.diffusion.streams import draw, streams_from_seeds
    from sdflow.values import NOISE, Conditioning, Entry, Latent, LatentSpace

    factor = pipeline.vae_scale_factor
    space = LatentSpace("sd", pipeline.unet.config.in_channels, factor)
    with torch.no_grad():
        positive, negative = pipeline.encode_prompt(PROMPT, "cpu", 1, True, "")
    samples, streams = draw(streams_from_seeds([7]), (space.channels, side // factor, side // factor))
    config = {"_class_name": type(pipeline.scheduler).__name__, **pipeline.scheduler.config}
    request = DenoiseRequest(
        latent=Latent(samples, streams, space, NOISE),
        conditioning=Conditioning((Entry(positive),), (Entry(negative),)),
        sampler=None,
        scheduler_config=config,
        steps=steps,
        guidance=GUIDANCE,
    )

    def ours() -> torch.Tensor:
        return denoise(request, unet=pipeline.unet).samples

    def theirs() -> torch.Tensor:
        made: torch.Tensor = pipeline(
            prompt_embeds=positive,
            negative_prompt_embeds=negative,
            width=side,
            height=side,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(7),
            output_type="latent",
        ).images
        return made

    if not torch.equal(ours(), theirs()):
        raise RuntimeError("the latents differ, so that there is nothing to compare")
    return pairs_of(ours, theirs, pairs)


def whole(
    pipeline: Any, model: Path, folder: Path, *, side: int, steps: int, pairs: int
) -> dict[str, list[float]]:
    """Seconds from a changed seed to a written picture, with everything loaded."""
    import torch

    from sdflow.composing import compose_file
    from sdflow.recipe import Changes
    from sdflow.workflow import Session, Settings

    recipe = folder / "warm.yaml"
    recipe.write_text(yaml.safe_dump(text_to_image(model, side, steps), sort_keys=False), encoding="utf-8")
    session = Session(Settings(device="cpu", cache=folder / "warm"))
    seeds: dict[str, Iterator[int]] = {"sdflow": count(), "diffusers": count()}

    def ours() -> None:
        changes = Changes(values={"seed": next(seeds["sdflow"])})
        session.run(compose_file(recipe, changes, session.registry), out=folder / "warm-out")

    def theirs() -> None:
        picture = pipeline(
            PROMPT,
            width=side,
            height=side,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(next(seeds["diffusers"])),
        ).images[0]
        picture.save(folder / "theirs.png")

    return pairs_of(ours, theirs, pairs)


def measured(
    name: str, model: Path, folder: Path, *, quick: bool
) -> tuple[list[Figure], dict[str, dict[str, Json]]]:
    """Everything about one model."""
    side, steps = (64, 2) if quick else (128, 20)
    seconds = {"cold": cold(model, folder, side, steps, 1 if quick else 8)}
    pipeline = loaded(model)
    seconds["loop"] = loop(pipeline, side, steps, 2 if quick else 30)
    seconds["whole"] = whole(pipeline, model, folder, side=side, steps=steps, pairs=2 if quick else 15)
    words = {
        "cold": ("one picture, cold", 1.0),
        "loop": ("denoising loop, warm", 1.02),
        "whole": ("a changed seed, warm, to the file", None),
    }
    figures = [
        Figure(f"{what}, {name}", ratio(seconds[part], "sdflow", "diffusers"), limit, note="÷ diffusers")
        for part, (what, limit) in words.items()
    ]
    return figures, {part: medians(times) for part, times in seconds.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one model, few rounds; writes no results")
    quick = parser.parse_args(arguments).quick
    from sdflow.models.builtin import builtin_folder
    from sdflow.models.tiny import write_tiny

    figures: list[Figure] = []
    seconds: dict[str, Json] = {}
    with tempfile.TemporaryDirectory(prefix="sdflow-benchmark-") as name:
        models = {"tiny model": write_tiny(Path(name) / "tiny")}
        if not quick:
            models["toybox"] = builtin_folder("toybox", Path(name))
        for number, (label, model) in enumerate(models.items()):
            folder = Path(name) / str(number)
            folder.mkdir()
            found, times = measured(label, model, folder, quick=quick)
            figures += found
            seconds[label] = dict(times)
    report("picture", figures, {"seconds": seconds}, quick=quick)


if __name__ == "__main__":
    main()
