"""What the measuring of all models on top of toybox has in common: scenes, prompts, the judge."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL
from PIL import Image

from training.classifier import Judge, judged
from training.dataset import Dataset, read_dataset
from training.evaluate import reconstructed
from training.family.drawing import Pictures
from training.family.sheet import write_sheet
from training.judging import judge_of, read_judge
from training.questions import Question, questions
from training.run import Run
from training.scenes import Scene

SIZE: dict[str, Any] = {"width": 128, "height": 128}
GUIDANCE = 2.0
SHOWN = 8


def settings(run: Run) -> dict[str, Any]:
    """How everything is drawn."""
    return {"num_inference_steps": run.config.evaluation.steps, "guidance_scale": GUIDANCE}


def measured(run: Run) -> Dataset:
    """Scenes that nothing was trained on."""
    return read_dataset(run.folder / "scenes", "measured")


def judge(run: Run) -> Judge:
    """The judge of toybox."""
    return read_judge(judge_of(run.folder))


def autoencoder(run: Run) -> AutoencoderKL:
    """Toybox's autoencoder."""
    return AutoencoderKL.from_pretrained(run.toybox, subfolder="vae", torch_dtype=torch.float32).eval()


def chosen(data: Dataset, run: Run, fits: Callable[[Scene], bool]) -> list[int]:
    """The first scenes that fit, as many as the evaluation asks for."""
    found = [index for index, scene in enumerate(data.scenes) if fits(scene)]
    return found[: run.config.evaluation.prompts]


def asked(run: Run) -> Sequence[Question]:
    """Held-out prompts of a thing at a place."""
    return questions("object", run.config.evaluation.prompts)


def right(judge: Judge, pictures: Pictures, asked: Sequence[Question]) -> float:
    """The share of pictures that show the thing that was asked for."""
    seen = judged(judge, pictures)
    return share(it.objects[0] == question.things[0] for it, question in zip(seen, asked, strict=True))


def share(told: Iterable[bool]) -> float:
    """Of the answers that are yes."""
    answers = list(told)
    return round(sum(answers) / len(answers), 4)


def column(scene: Scene) -> npt.NDArray[np.bool_]:
    """All that is above and below the one thing, and a little more."""
    placed = scene.placed[0]
    mask = np.zeros((128, 128), np.bool_)
    left, right = placed.x - placed.size / 2 - 4, placed.x + placed.size / 2 + 4
    mask[4:124, max(0, round(left)) : max(0, round(right))] = True
    return mask


def resized(pictures: Pictures, side: int, how: Any) -> Pictures:
    """At another size."""
    return np.stack([np.asarray(Image.fromarray(it).resize((side, side), how)) for it in pictures])


def through(model: AutoencoderKL, pictures: Pictures) -> Pictures:
    """Encoded and decoded."""
    return np.concatenate(
        [reconstructed(model, pictures[start : start + 4])[0] for start in range(0, len(pictures), 4)]
    )


def sheet(  # noqa: PLR0917  # rows and what is said of them
    run: Run,
    model: Path,
    rows: Sequence[Pictures],
    labels: Sequence[str],
    prompts: Sequence[str],
    shown: int = SHOWN,
) -> None:
    """Writes the first pictures into the results."""
    path = run.folder / "results" / f"{model.name}.jpg"
    write_sheet(path, [row[:shown] for row in rows], labels, list(prompts)[:shown])
