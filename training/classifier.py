"""The judge: a small network that says what a picture shows. Trained on renderings, then frozen.

It never sees a generated picture while it is trained. Its pictures are blurred, noised a little, so that
it looks at shapes and not at the last pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.autoencoder import as_pixels, mapped
from training.backgrounds import BACKGROUNDS
from training.chance import Chance
from training.config import Classifier
from training.dataset import read_dataset
from training.fit import Trained, weights
from training.scenes import Kind, Scene
from training.vocabulary import COLOURS, HUES, THINGS

OBJECTS = tuple(THINGS)
TINTS = ("own", *HUES)
KINDS: tuple[Kind, ...] = get_args(Kind)
# How many answers each question has; all but the first have one right answer.
ANSWERS = {
    "objects": len(OBJECTS),
    "kind": len(KINDS),
    "background": len(BACKGROUNDS),
    "count": 4,
    "colour": len(TINTS),
}


class Judge(nn.Module):
    """Residual convolutions, then an answer to each question."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        first, *more = channels
        layers: list[nn.Module] = [
            nn.Conv2d(3, first, 5, stride=2, padding=2),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        ]
        before = first
        for width in (first, *more):
            layers += [_Residual(before, width)]
            before = width
        self.body = nn.Sequential(*layers)
        self.answers = nn.ModuleDict(
            {question: nn.Linear(before, count) for question, count in ANSWERS.items()}
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Logits [batch, classes] by question, of float[batch, 3, 128, 128] in [-1, 1]."""
        features = self.body(pixels)
        seen = features.amax((2, 3)) + features.mean((2, 3))
        return {question: answer(seen) for question, answer in self.answers.items()}


class _Residual(nn.Module):
    """Two convolutions beside a shortcut, at half the size."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False)
        self.two = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.past = nn.Conv2d(before, width, 1, stride=2, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norms[1](self.two(F.relu(self.norms[0](self.one(x)))))
        return F.relu(inner + self.norms[2](self.past(x)))


def labels(scenes: Sequence[Scene]) -> dict[str, Tensor]:
    """What scenes show, by question: objects as ones in float[scenes, objects], all else as indices.

    -1 where a question has no answer: colours of grey and sepia pictures.
    """
    shown = torch.zeros(len(scenes), len(OBJECTS))
    for row, scene in enumerate(scenes):
        shown[row, [OBJECTS.index(placed.thing) for placed in scene.placed]] = 1.0
    grey = [scene.style in {"grey", "sepia"} for scene in scenes]
    backgrounds = [
        -1 if colourless and scene.background in COLOURS else BACKGROUNDS.index(scene.background)
        for scene, colourless in zip(scenes, grey, strict=True)
    ]
    colours = [
        -1 if colourless else TINTS.index(scene.placed[0].colour or "own")
        for scene, colourless in zip(scenes, grey, strict=True)
    ]
    return {
        "objects": shown,
        "kind": torch.tensor([KINDS.index(scene.kind) for scene in scenes]),
        "background": torch.tensor(backgrounds),
        "count": torch.tensor([len(scene.placed) - 1 for scene in scenes]),
        "colour": torch.tensor(colours),
    }


class TrainedJudge(Trained):
    """Cross-entropy of all answers."""

    def __init__(self, settings: Classifier, folder: Path) -> None:
        super().__init__()
        self.settings = settings
        self.model = Judge(settings.channels)
        self._folder = folder
        self._pictures, self._labels = torch.empty(0), dict[str, Tensor]()

    def place(self, device: torch.device) -> None:
        """Pictures and labels."""
        told = labels(read_dataset(self._folder, "train").scenes)
        self._labels = {question: answer.to(device) for question, answer in told.items()}
        self._pictures = mapped(self._folder / "train.npy").to(device)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of pixels and the labels in the order of the questions."""
        pixels, *told = batch
        said = self.model(roughened(pixels))
        losses = {}
        for (question, logits), answer in zip(said.items(), told, strict=True):
            if question == "objects":  # the mean is over 82 answers, of which one or two are yes
                losses[question] = 20 * F.binary_cross_entropy_with_logits(logits.float(), answer)
            else:
                losses[question] = F.cross_entropy(logits.float(), answer, ignore_index=-1)
        return torch.stack(list(losses.values())).sum(), losses

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random scenes."""
        chosen = chance.integers(len(self._pictures), self.settings.batch)
        return (as_pixels(self._pictures[chosen]), *(self._labels[question][chosen] for question in ANSWERS))

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """The first convolution and the answers."""
        return frozenset(weights(self.model.body[0], *self.model.answers.values()))


def roughened(pixels: Tensor) -> Tensor:
    """A little noise, and every other picture softened as an autoencoder softens it."""
    soft = F.interpolate(F.avg_pool2d(pixels, 2), scale_factor=2.0, mode="bilinear")
    half = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(half, soft, pixels) + 0.04 * torch.randn_like(pixels)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the judge says of one picture: the two likeliest objects, kind, background, count and colour."""

    objects: tuple[str, ...]
    kind: str
    background: str
    count: int
    colour: str


def judged(judge: Judge, pictures: npt.NDArray[np.uint8]) -> list[Seen]:
    """What pictures show, uint8 [pictures, 128, 128, 3]."""
    judge.eval()
    with torch.inference_mode():
        parts = [judge(as_pixels(pictures[start : start + 64])) for start in range(0, len(pictures), 64)]
    said = {question: torch.cat([part[question] for part in parts]) for question in parts[0]}
    objects = said["objects"].topk(2).indices.tolist()
    rest = [said[question].argmax(1).tolist() for question in ("kind", "background", "count", "colour")]
    return [
        Seen(
            tuple(OBJECTS[index] for index in pair),
            KINDS[kind],
            BACKGROUNDS[background],
            count + 1,
            TINTS[colour],
        )
        for pair, kind, background, count, colour in zip(objects, *rest, strict=True)
    ]
