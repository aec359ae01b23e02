"""How well a model follows prompts: a frozen judge looks at what it draws for combinations it never saw."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import PIL.Image
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from sdflow.pictures.grid import grid
from sdflow.values import Image
from training.autoencoder import as_pixels
from training.classifier import Judge, Seen, judged
from training.config import Evaluation
from training.dataset import Dataset
from training.questions import ROWS, Question, questions
from training.scenes import Scene

Pictures: TypeAlias = npt.NDArray[np.uint8]
Draw: TypeAlias = Callable[[Sequence[str], Sequence[int]], Pictures]
Row: TypeAlias = dict[str, float]

_BATCH = 16
# Which scenes of a data set have something to say about a row.
_KINDS = {
    "object": {"single", "several"},
    "background": {"single", "pair", "riding", "several"},
    "colour": {"single"},
    "count": {"several"},
    "two objects": {"pair"},
    "riding": {"riding"},
}


def right(row: str, question: Question, seen: Seen) -> bool:
    """Whether a picture shows what its row asks for."""
    if row == "object":
        return seen.objects[0] == question.things[0]
    if row in {"two objects", "riding"}:
        return set(seen.objects) == set(question.things) and (row != "riding" or seen.kind == "riding")
    asked = {"background": question.background, "colour": question.colour, "count": question.count}
    found = {"background": seen.background, "colour": seen.colour, "count": seen.count}
    return found[row] == asked[row]


def adherence(draw: Draw, judge: Judge, wanted: Evaluation) -> dict[str, Row]:
    """By row: the share of pictures that are right, that share with the prompts shuffled, and how many they are."""
    rows: dict[str, Row] = {}
    shown: dict[Sequence[Question], list[Seen]] = {}
    for row in ROWS:
        chosen = tuple(questions(row, wanted.prompts))
        asked = [question for question in chosen for _ in range(wanted.seeds)]
        if chosen not in shown:  # objects and backgrounds are read off the same pictures
            seeds = [index % wanted.seeds for index in range(len(asked))]
            shown[chosen] = judged(judge, draw([question.prompt for question in asked], seeds))
        others = Random(row).sample(asked, len(asked))
        rows[row] = {
            "right": _share(row, asked, shown[chosen]),
            "shuffled": _share(row, others, shown[chosen]),
            "pictures": len(asked),
        }
        print(f"{row}: {rows[row]['right']:.1%} right, {rows[row]['shuffled']:.1%} when shuffled", flush=True)
    return rows


def accuracy(judge: Judge, data: Dataset, pictures: Pictures) -> dict[str, float]:
    """How often the judge is right about renderings: its own mistakes, which no model can be blamed for."""
    seen = judged(judge, pictures)
    rows: dict[str, float] = {}
    for row in ROWS:
        chosen = [index for index, scene in enumerate(data.scenes) if _says(row, scene)]
        asked = [_asked(data.scenes[index]) for index in chosen]
        rows[row] = _share(row, asked, [seen[index] for index in chosen])
    return rows


def _says(row: str, scene: Scene) -> bool:
    tinted = row != "colour" or scene.placed[0].colour is not None
    return scene.kind in _KINDS[row] and not scene.style and tinted


def _asked(scene: Scene) -> Question:
    things = tuple(dict.fromkeys(placed.thing for placed in scene.placed))
    return Question(scene.caption, things, scene.background, len(scene.placed), scene.placed[0].colour)


def _share(row: str, asked: Sequence[Question], seen: Sequence[Seen]) -> float:
    told = [right(row, question, picture) for question, picture in zip(asked, seen, strict=True)]
    return round(sum(told) / len(told), 4) if told else float("nan")


def drawing(folder: Path, wanted: Evaluation) -> Draw:
    """Draws prompts with a seed each by a model in diffusers' layout: uint8 [prompts, 128, 128, 3]."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, dtype=torch.float32).to(
        device
    )
    pipeline.set_progress_bar_config(disable=True)

    def draw(prompts: Sequence[str], seeds: Sequence[int]) -> Pictures:
        parts: list[Pictures] = []
        for start in range(0, len(prompts), _BATCH):
            here = slice(start, start + _BATCH)
            made = pipeline(
                list(prompts[here]),
                width=128,
                height=128,
                num_inference_steps=wanted.steps,
                guidance_scale=wanted.guidance,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds[here]],
                output_type="np",
            ).images
            parts.append((made * 255).round().astype(np.uint8))
        return np.concatenate(parts)

    return draw


def reconstructed(model: AutoencoderKL, pictures: Pictures) -> tuple[Pictures, float]:
    """Pictures through the autoencoder and back, and their mean PSNR in dB."""
    drawn: list[Pictures] = []
    found: list[torch.Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(pictures), 25):
            pixels = as_pixels(pictures[start : start + 25])
            back = model.decode(model.encode(pixels).latent_dist.mean).sample.clamp(-1, 1)
            found.append(-10 * torch.log10((back - pixels).square().mean((1, 2, 3)) / 4))
            drawn.append(((back + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    return np.concatenate(drawn), round(float(torch.cat(found).mean()), 2)


def sheet(draw: Draw, prompts: Sequence[str], seeds: int, path: Path) -> None:
    """Every prompt's pictures beside each other with the prompt below, as one file."""
    asked = [prompt for prompt in prompts for _ in range(seeds)]
    drawn = draw(asked, [index % seeds for index in range(len(asked))])
    rows = [
        np.concatenate(list(drawn[start : start + seeds]), axis=1) for start in range(0, len(drawn), seeds)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    made = grid([Image(row[None]) for row in rows], labels=list(prompts), columns=4, text_size=13)
    PIL.Image.fromarray(made.pixels[0]).save(path, quality=90)
