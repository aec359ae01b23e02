"""The training loop that all parts share: processes side by side, mixed precision, averages, checkpoints.

Each process works with its own batches; their gradients are averaged (DistributedDataParallel over gloo). On two CPU
cores two processes of one thread are several times faster than one process of two, which spends its time waiting at
OpenMP's barriers. Matrices and convolutions are stepped by Muon (https://kellerjordan.github.io/posts/muon/), all else
by AdamW. A checkpoint is kept at all times: training stopped at any moment goes on from the last one.
"""

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
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from training.chance import Chance
from training.config import Fit

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
        """Moves the data that batches are taken from. No buffers: those would be sent around in every step."""

    def plainly_stepped(self) -> frozenset[nn.Parameter]:
        """Matrices that AdamW steps all the same: embeddings, first and last layers."""
        return frozenset()


def weights(*layers: nn.Module) -> list[nn.Parameter]:
    """The weights of layers, without their biases."""
    return [layer.get_parameter("weight") for layer in layers]


@dataclass(frozen=True, slots=True)
class Share:
    """Which process this is, of how many."""

    rank: int
    processes: int


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
    if not done.is_file():
        count = 1 if torch.cuda.is_available() else processes
        job = Job(make, fit, folder, seed, count, free_port())
        if count == 1:
            _work(0, job)
        else:
            spawn(_work, (job,), nprocs=count)  # type: ignore[no-untyped-call]
    weights: Mapping[str, Tensor] = torch.load(done, weights_only=True)
    return weights


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
    finally:
        torch.distributed.destroy_process_group()


class OneProcess:
    """One process of a training run."""

    def __init__(self, job: Job, rank: int, device: torch.device) -> None:
        self.job, self.fit, self.rank, self.device = job, job.fit, rank, device
        self.trained = job.make().to(device)
        _channels_last(self.trained)
        self.trained.place(device)
        self.optimizers = optimizers(self.trained, job.fit, Share(rank, job.processes))
        self.average = AveragedModel(self.trained, multi_avg_fn=_averaging(job.fit.average))
        self.step, self.elapsed, self.stopped = 0, 0.0, False
        self._resume()
        self.chance = Chance.of(job.seed * 1_000 + rank + 7_919 * self.step, device)
        torch.manual_seed(job.seed * 1_000 + 500 + rank + 7_919 * self.step)
        self.module: nn.Module = self.trained
        if job.processes > 1:
            self.module = DistributedDataParallel(self.trained, gradient_as_bucket_view=False)

    def until_done(self) -> None:
        """Trains until the time is over, or somebody stops it."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        limit = self.fit.minutes * 60
        began, before = time.monotonic(), self.elapsed
        saved, said, steady = began, began, self.elapsed > limit * (1 - self.fit.decay)
        shown: dict[str, list[Tensor]] = {}
        while self.elapsed < limit and not self.stopped:
            progress = self.elapsed / limit
            for name, figure in self.advance(progress).items():
                shown.setdefault(name, []).append(figure)
            self.elapsed, self.stopped = self._agree(before + time.monotonic() - began)
            now = time.monotonic()
            if self.rank == 0 and now - said > SAY_EVERY:
                self._say(shown, progress)
                said, shown = now, {}
            if self.rank == 0 and now - saved > SAVE_EVERY:
                self._save("checkpoint.pt")
                saved = now
            if not steady and self.elapsed > limit * (1 - self.fit.decay):
                steady = True
                if self.rank == 0:
                    self._save("steady.pt")
        if self.rank == 0:
            self._save("checkpoint.pt")
            if not self.stopped:
                _write(self.average.module.state_dict(), self.job.folder / "trained.pt")
        if self.stopped:
            raise SystemExit(130)

    def advance(self, progress: float) -> Mapping[str, Tensor]:
        """One step of all optimizers."""
        scale = _scale(self.step, progress, self.fit)
        batch = self.trained.batch(self.chance, progress)
        with torch.autocast(self.device.type, torch.bfloat16):
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

    def _say(self, shown: Mapping[str, list[Tensor]], progress: float) -> None:
        figures = "  ".join(f"{name} {torch.stack(seen).mean().item():.4f}" for name, seen in shown.items())
        rate = len(next(iter(shown.values()))) / SAY_EVERY
        name, total = self.job.folder.name, self.fit.minutes
        print(
            f"{name}: {progress:.0%} of {total:g} min, step {self.step:,}, {rate:.1f} steps/s, {figures}",
            flush=True,
        )

    def _stop(self, *_: Any) -> None:
        self.stopped = True

    def _save(self, name: str) -> None:
        state = {
            "weights": self.trained.state_dict(),
            "average": self.average.state_dict(),
            "adamw": self.optimizers[1].state_dict(),  # Muon's momentum is made anew within twenty steps
            "step": self.step,
            "elapsed": self.elapsed,
        }
        _write(state, self.job.folder / name)

    def _resume(self) -> None:
        path = self.job.folder / "checkpoint.pt"
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        self.trained.load_state_dict(state["weights"])
        self.average.load_state_dict(state["average"])
        self.optimizers[1].load_state_dict(state["adamw"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        if self.rank == 0:
            print(f"{self.job.folder.name}: goes on at step {self.step:,}", flush=True)


def optimizers(trained: Trained, fit: Fit, share: Share | None = None) -> list[torch.optim.Optimizer]:
    """Muon for the matrices (convolutions as matrices of their output channels), AdamW for everything else."""
    plain = trained.plainly_stepped()
    matrices = [
        parameter for parameter in trained.parameters() if parameter.ndim >= 2 and parameter not in plain
    ]
    chosen = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in trained.parameters() if id(parameter) not in chosen]
    muon = _Muon(matrices, fit.muon_rate, share or Share(0, 1))
    adamw = torch.optim.AdamW(rest, lr=fit.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3)
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group["full"] = group["lr"]
    return [muon, adamw]


class _Muon(torch.optim.Muon):
    """torch's Muon for parameters of more dimensions than two, its work shared by all processes.

    What is stepped are two-dimensional views of the parameters, so that a step of one is a step of the other. Each
    process steps a share of them and hands it to the others: on a CPU the orthogonal matrices cost as much as a dozen
    samples.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], rate: float, share: Share) -> None:
        self._share = share
        self._parts = _dealt(
            [parameter for parameter in parameters if parameter.requires_grad], share.processes
        )
        self._mine = self._parts[share.rank]
        self._flat = [nn.Parameter(_as_matrix(parameter.detach(), parameter)) for parameter in self._mine]
        super().__init__(self._flat, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")

    def step(self, closure: Any = None) -> Any:
        """One step, with the gradients of the parameters that the matrices are views of."""
        for whole, flat in zip(self._mine, self._flat, strict=True):
            flat.grad = None if whole.grad is None else _as_matrix(whole.grad, whole)
        result = super().step(closure)  # type: ignore[no-untyped-call]
        if self._share.processes > 1:
            self._exchange()
        return result

    @torch.no_grad()
    def _exchange(self) -> None:
        for rank, part in enumerate(self._parts):
            packed = torch.cat([parameter.detach().flatten() for parameter in part])
            torch.distributed.broadcast(packed, rank)
            if rank != self._share.rank:
                pieces = torch.split(packed, [parameter.numel() for parameter in part])
                for parameter, piece in zip(part, pieces, strict=True):
                    parameter.copy_(piece.view(parameter.shape))


def _dealt(parameters: Sequence[nn.Parameter], processes: int) -> list[list[nn.Parameter]]:
    """Shares of about equal work, the same in every process."""
    shares: list[list[nn.Parameter]] = [[] for _ in range(processes)]
    work = [0] * processes
    for parameter in sorted(parameters, key=_work_of, reverse=True):
        least = work.index(min(work))
        shares[least].append(parameter)
        work[least] += _work_of(parameter)
    return shares


def _work_of(parameter: nn.Parameter) -> int:
    """Multiplications of its orthogonalisation, but for a factor."""
    rows, columns = parameter.shape[0], parameter.numel() // parameter.shape[0]
    return min(rows, columns) * rows * columns


def _channels_last(module: nn.Module) -> None:
    """Convolutions in the order of memory that is fastest on every device that counts."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _as_matrix(tensor: Tensor, like: Tensor) -> Tensor:
    """[out, in, …] as [out, in × …] in the order of `like`'s memory: of a parameter itself, a view."""
    if like.ndim == 4 and not like.is_contiguous():
        return tensor.permute(0, 2, 3, 1).flatten(1)
    return tensor.flatten(1)


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


def _write(state: Any, path: Path) -> None:
    """Written beside and renamed: there is always a whole checkpoint."""
    temporary = path.with_suffix(".writing")
    torch.save(state, temporary)
    temporary.replace(path)
