"""The judge: a small network that says what a picture shows. Trained on renderings, then frozen.

It never sees a generated picture while it is trained. Its pictures are blurred, noised a little, so that
it looks at shapes and not at the last pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from training.scenes import Scene
from training.vocabulary import HUES, THINGS

OBJECTS = tuple(THINGS)
TINTS = ("own", *HUES)
MOST = 4


class Judge(nn.Module):
    """Residual convolutions, then four answers: objects, background, count and colour."""

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
        self.objects = nn.Linear(before, len(OBJECTS))
        self.background = nn.Linear(before, len(BACKGROUNDS))
        self.count = nn.Linear(before, MOST)
        self.colour = nn.Linear(before, len(TINTS))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Logits [batch, classes] by question, of float[batch, 3, 128, 128] in [-1, 1]."""
        features = self.body(pixels)
        most, mean = features.amax((2, 3)), features.mean((2, 3))
        both = most + mean
        return {
            "objects": self.objects(both),
            "background": self.background(both),
            "count": self.count(both),
            "colour": self.colour(both),
        }


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


@dataclass(frozen=True, slots=True)
class Labels:
    """What scenes show: objects as ones in float[scenes, objects], the rest as indices; colour -1 where it is mixed."""

    objects: Tensor
    background: Tensor
    count: Tensor
    colour: Tensor


def labels(scenes: Sequence[Scene]) -> Labels:
    """Of scenes that were rendered."""
    shown = torch.zeros(len(scenes), len(OBJECTS))
    for row, scene in enumerate(scenes):
        shown[row, [OBJECTS.index(placed.thing) for placed in scene.placed]] = 1.0
    tints = [TINTS.index(scene.placed[0].colour or "own") if not scene.style else -1 for scene in scenes]
    return Labels(
        shown,
        torch.tensor([BACKGROUNDS.index(scene.background) for scene in scenes]),
        torch.tensor([len(scene.placed) - 1 for scene in scenes]),
        torch.tensor(tints),
    )


class TrainedJudge(Trained):
    """Cross-entropy of the four answers."""

    def __init__(self, settings: Classifier, folder: Path) -> None:
        super().__init__()
        self.settings = settings
        self.model = Judge(settings.channels)
        data = read_dataset(folder, "train")
        told = labels(data.scenes)
        self._pictures = mapped(folder / "train.npy")
        self._labels: tuple[Tensor, ...] = (told.objects, told.background, told.count, told.colour)

    def place(self, device: torch.device) -> None:
        """Pictures and labels."""
        self._pictures = self._pictures.to(device)
        self._labels = tuple(part.to(device) for part in self._labels)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Of pixels and the four kinds of labels."""
        pixels, objects, background, count, colour = batch
        said = self.model(roughened(pixels))
        losses = {
            "objects": 20 * F.binary_cross_entropy_with_logits(said["objects"].float(), objects),
            "background": F.cross_entropy(said["background"].float(), background),
            "count": F.cross_entropy(said["count"].float(), count),
            "colour": F.cross_entropy(said["colour"].float(), colour, ignore_index=-1),
        }
        return torch.stack(list(losses.values())).sum(), losses

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """Random scenes."""
        chosen = chance.integers(len(self._pictures), self.settings.batch)
        return (as_pixels(self._pictures[chosen]), *(part[chosen] for part in self._labels))

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """The first convolution and the answers."""
        model = self.model
        return frozenset(weights(model.body[0], model.objects, model.background, model.count, model.colour))


def roughened(pixels: Tensor) -> Tensor:
    """A little noise, and every other picture softened as an autoencoder softens it."""
    soft = F.interpolate(F.avg_pool2d(pixels, 2), scale_factor=2.0, mode="bilinear")
    half = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(half, soft, pixels) + 0.04 * torch.randn_like(pixels)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the judge says of one picture: the two likeliest objects, background, count and colour."""

    objects: tuple[str, ...]
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
    rest = [said[question].argmax(1).tolist() for question in ("background", "count", "colour")]
    return [
        Seen(tuple(OBJECTS[index] for index in pair), BACKGROUNDS[background], count + 1, TINTS[colour])
        for pair, background, count, colour in zip(objects, *rest, strict=True)
    ]
