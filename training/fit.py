"""The training loop that all parts share: processes side by side, mixed precision, averages, checkpoints.

Each process works with its own batches; their gradients are averaged (DistributedDataParallel over gloo). On two CPU
cores two processes of one thread are several times faster than one process of two, which spends its time waiting at
OpenMP's barriers. A checkpoint is kept at all times: training stopped at any moment goes on from the last one.
"""

import math
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.spawn import ProcessExitedException, spawn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from training.chance import Chance
from training.muon import Share, optimizers
from training.precision import mixed
from training.settings import Fit

Figures = Mapping[str, float | Tensor]
SAVE_EVERY, SAY_EVERY = 120.0, 20.0  # seconds


class Trained(nn.Module):
    """Something that can be trained: its forward pass gives the loss and the figures to show."""

    def forward(self, *batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, a scalar, and figures by name, scalars too."""
        raise NotImplementedError

    def batch(self, chance: Chance, progress: float) -> tuple[Tensor, ...]:
        """The next batch, on its device; `progress` in [0, 1] says how much of the time has passed."""
        raise NotImplementedError

    def place(self, device: torch.device) -> None:
        """Opens the data that batches are taken from, on the device.

        Only now, and not as buffers: the averaged model is a copy, and buffers are sent around in every step.
        """

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """Matrices that AdamW steps all the same: embeddings, first and last layers."""
        return frozenset()


def weights(*layers: nn.Module) -> list[nn.Parameter]:
    """The weights of layers, without their biases."""
    return [layer.get_parameter("weight") for layer in layers]


@dataclass(frozen=True, slots=True)
class Job:
    """What one process of a training run is told."""

    make: Callable[[], Trained]
    fit: Fit
    folder: Path
    seed: int
    processes: int
    port: int


def train(
    make: Callable[[], Trained], fit: Fit, folder: Path, *, seed: int, processes: int
) -> Mapping[str, Tensor]:
    """Trains what `make` makes, or goes on from the checkpoint in `folder`, and gives the averaged weights.

    Args:
        make: called in every process; must be importable by its name, and give equal weights everywhere.
        fit: how long and how.
        folder: `checkpoint.pt` is kept here, `steady.pt` from before the learning rate falls, and `trained.pt`.
        seed: of the batches.
        processes: on the CPU; on a GPU there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "trained.pt"
    if not (done.is_file() and _elapsed(folder) >= fit.minutes * 60):
        count = 1 if torch.cuda.is_available() else processes
        job = Job(make, fit, folder, seed, count, free_port())
        if count == 1:
            _work(0, job)
        else:
            _side_by_side(job)
    weights: Mapping[str, Tensor] = read_state(done)
    return weights


def _elapsed(folder: Path) -> float:
    """Seconds that a part was trained; endless where only its result is there."""
    checkpoint = folder / "checkpoint.pt"
    return float(read_state(checkpoint)["elapsed"]) if checkpoint.is_file() else math.inf


def _side_by_side(job: Job) -> None:
    running = spawn(_work, (job,), nprocs=job.processes, join=False)  # type: ignore[no-untyped-call]
    try:
        try:
            while not running.join():
                pass
        except KeyboardInterrupt:  # the processes were told, too, and are writing their checkpoint
            while not running.join():
                pass
    except ProcessExitedException as stopped:
        raise SystemExit(stopped.exit_code) from None


def _work(rank: int, job: Job) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    with group(rank, job):
        torch.manual_seed(job.seed)
        OneProcess(job, rank, device).until_done()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def group(rank: int, job: Job) -> Iterator[None]:
    """Joins the processes of a job for as long as this lasts."""
    if job.processes == 1:
        yield
        return
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(job.port)}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=job.processes)
    try:
        yield
        torch.distributed.barrier()  # nobody leaves while another one is still talking to it
    finally:
        torch.distributed.destroy_process_group()


class OneProcess:
    """One process of a training run."""

    def __init__(self, job: Job, rank: int, device: torch.device) -> None:
        self.job, self.fit, self.rank, self.device = job, job.fit, rank, device
        self.trained = job.make().to(device)
        _channels_last(self.trained)
        share = Share(rank, job.processes)
        self.optimizers = optimizers(self.trained, job.fit, self.trained.plainly_stepped(), share)
        self.average = AveragedModel(self.trained, multi_avg_fn=_averaging(job.fit.average))
        self.step, self.elapsed, self.stopped = 0, 0.0, False
        self.trained.place(device)
        self._resume()
        self.chance = Chance.of(job.seed * 1_000 + rank + 7_919 * self.step, device)
        torch.manual_seed(job.seed * 1_000 + 500 + rank + 7_919 * self.step)
        self.module: nn.Module = self.trained
        if job.processes > 1:
            self.module = DistributedDataParallel(self.trained, gradient_as_bucket_view=False)

    def until_done(self) -> None:
        """Trains until the time is over, or somebody stops it."""
        handlers = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._train()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self.rank == 0:
            self._save("checkpoint.pt")
            if not self.stopped:
                write_state(self.average.module.state_dict(), self.job.folder / "trained.pt")
        if self.stopped:
            raise SystemExit(130)

    def _train(self) -> None:
        limit, before, began = self.fit.minutes * 60, self.elapsed, time.monotonic()
        falls = limit * (1 - self.fit.decay)
        saved = said = began
        steady = self.elapsed > falls
        shown: dict[str, list[Tensor]] = {}
        while self.elapsed < limit and not self.stopped:
            for name, figure in self.advance(self.elapsed / limit).items():
                shown.setdefault(name, []).append(figure)
            self.elapsed, self.stopped = self._agree(before + time.monotonic() - began)
            now = time.monotonic()
            if now - said > SAY_EVERY:
                if self.rank == 0:
                    self._say(shown, now - said)
                said, shown = now, {}
            if self.rank == 0 and now - saved > SAVE_EVERY:
                self._save("checkpoint.pt")
                saved = now
            if not steady and self.elapsed > falls:
                steady = True
                if self.rank == 0:
                    self._save("steady.pt")

    def advance(self, progress: float) -> Mapping[str, Tensor]:
        """One step of all optimizers."""
        scale = _scale(self.step, progress, self.fit)
        batch = self.trained.batch(self.chance, progress)
        with mixed(self.device):
            loss, figures = self.module(*batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full"] * scale
            optimizer.step()
        for parameter in self.trained.parameters():
            parameter.grad = None
        if self.rank == 0:
            self.average.update_parameters(self.trained)
        self.step += 1
        return {"loss": loss.detach(), **{name: figure.detach() for name, figure in figures.items()}}

    def _agree(self, elapsed: float) -> tuple[float, bool]:
        """The first process's clock, and whether anybody was told to stop, so that all end after the same step."""
        if self.job.processes == 1:
            return elapsed, self.stopped
        told = torch.tensor([elapsed if self.rank == 0 else 0.0, float(self.stopped)], dtype=torch.float64)
        torch.distributed.all_reduce(told)
        return float(told[0]), bool(told[1])

    def _say(self, shown: Mapping[str, list[Tensor]], seconds: float) -> None:
        figures = "  ".join(f"{name} {torch.stack(seen).mean().item():.4f}" for name, seen in shown.items())
        rate = len(next(iter(shown.values()))) / seconds
        share = self.elapsed / self.fit.minutes / 60
        part = f"{self.job.folder.name}: {share:.0%} of {self.fit.minutes:g} min, step {self.step:,}"
        print(f"{part}, {rate:.1f} steps/s, {figures}", flush=True)

    def _stop(self, *_: Any) -> None:
        self.stopped = True

    def _save(self, name: str) -> None:
        state = {
            "weights": self.trained.state_dict(),
            "average": self.average.state_dict(),
            "adamw": self.optimizers[-1].state_dict(),  # Muon's momentum is made anew within twenty steps
            "step": self.step,
            "elapsed": self.elapsed,
        }
        write_state(state, self.job.folder / name)

    def _resume(self) -> None:
        path = self.job.folder / "checkpoint.pt"
        if not path.is_file():
            return
        state = read_state(path)
        self.trained.load_state_dict(state["weights"])
        self.average.load_state_dict(state["average"])
        if state["adamw"] is not None:
            adamw = self.optimizers[-1]
            adamw.load_state_dict(state["adamw"])
            for group in adamw.param_groups:
                group["full"] = self.fit.learning_rate  # as it is wanted now
        self.step, self.elapsed = state["step"], state["elapsed"]
        if self.rank == 0:
            print(f"{self.job.folder.name}: goes on at step {self.step:,}", flush=True)


def _channels_last(module: nn.Module) -> None:
    """Convolutions in the order of memory that is fastest on every device that counts."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _averaging(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """An exponential average whose memory grows to 1 / (1 - decay) steps, so that the first ones are soon forgotten."""

    @torch.no_grad()
    def step(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        for old, new in zip(averaged, current, strict=True):
            old.lerp_(new, weight)

    return step


def _scale(step: int, progress: float, fit: Fit) -> float:
    """Of the learning rate: up over the first steps, and down at the end."""
    up = min(1.0, (step + 1) / fit.warmup)
    falling = 1.0 if fit.decay == 0 else min(1.0, (1 - progress) / fit.decay)
    return up * falling


def read_state(path: Path) -> Any:
    """What `write_state` wrote, on the CPU wherever it came from."""
    return torch.load(path, map_location="cpu", weights_only=True)


def write_state(state: Any, path: Path) -> None:
    """Written beside and renamed: there is always a whole checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".writing")
    torch.save(state, temporary)
    temporary.replace(path)
