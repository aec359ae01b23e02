"""Something small to train, importable by name in the processes that train it."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from training.chance import Chance
from training.fit import Job, OneProcess, Trained, group


class Line(Trained):
    """Finds the matrix of a linear map, through a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 1)

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        given, wanted = batch
        loss = (self.second(self.layer(given)).float() - wanted).square().mean()
        return loss, {"twice": 2 * loss}

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        given = chance.normal(8, 4, 6, 6)
        return given, given.roll(1, dims=1)


class Telling(Line):
    """Says on disk that its first batch was taken, in the folder that the program was given."""

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        (Path(sys.argv[1]) / "begun").touch()
        return super().batch(chance, progress)


def five_steps(rank: int, job: Job) -> None:
    """Five steps in one of several processes; its weights are written down."""
    with group(rank, job):
        run = OneProcess(job, rank, torch.device("cpu"))
        if rank == 0:
            torch.save(run.trained.state_dict(), job.folder / "start.pt")
        for _ in range(5):
            run.advance(0.5)
        torch.save(run.trained.state_dict(), job.folder / f"rank{rank}.pt")
