"""Muon for matrices of any rank, its work dealt out to the processes that train.

Matrices and convolutions are stepped by Muon (https://kellerjordan.github.io/posts/muon/), all else by AdamW.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.precision import bfloat16_pays
from training.settings import Fit


@dataclass(frozen=True, slots=True)
class Share:
    """Which process this is, of how many."""

    rank: int
    processes: int


def optimizers(
    module: nn.Module, fit: Fit, plain: frozenset[nn.Parameter] = frozenset(), share: Share | None = None
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices (convolutions as matrices of their output channels), and last AdamW for everything else.

    `plain` are matrices that AdamW steps all the same; where `fit` has no rate for Muon it steps all of them.
    """
    matrices = [
        parameter
        for parameter in module.parameters()
        if parameter.ndim >= 2 and parameter not in plain and fit.muon_rate is not None
    ]
    chosen = {id(parameter) for parameter in matrices}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in chosen]
    adamw = torch.optim.AdamW(rest, lr=fit.learning_rate, betas=(0.9, 0.99), weight_decay=1e-3)
    made: list[torch.optim.Optimizer] = [adamw]
    if fit.muon_rate is not None:
        made.insert(0, _Muon(matrices, fit.muon_rate, share or Share(0, 1)))
    for optimizer in made:
        for group in optimizer.param_groups:
            group["full"] = group["lr"]
    return made


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
        self._device = self._mine[0].device if self._mine else torch.device("cpu")
        self._flat = [nn.Parameter(_as_matrix(parameter.detach(), parameter)) for parameter in self._mine]
        super().__init__(self._flat, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")

    def step(self, closure: Any = None) -> Any:
        """One step, with the gradients of the parameters that the matrices are views of."""
        for whole, flat in zip(self._mine, self._flat, strict=True):
            flat.grad = None if whole.grad is None else _as_matrix(whole.grad, whole)
        stepped = super().step if bfloat16_pays(self._device) else self._in_float32
        result = stepped(closure)
        if self._share.processes > 1:
            self._exchange()
        return result

    @torch.no_grad()
    def _in_float32(self, _: Any) -> None:
        """What torch's step does, whose products are in bfloat16: several times slower where that is emulated."""
        for group in self.param_groups:
            for flat in group["params"]:
                if flat.grad is None:
                    continue
                state = self.state[flat]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(flat.grad)
                momentum = state["momentum_buffer"].lerp_(flat.grad, 1 - group["momentum"])
                update = _orthogonal(flat.grad.lerp(momentum, group["momentum"]), group)
                rate = 0.2 * max(flat.shape) ** 0.5 * group["lr"]
                flat.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)

    @torch.no_grad()
    def _exchange(self) -> None:
        for rank, part in enumerate(self._parts):
            packed = torch.cat([parameter.detach().flatten() for parameter in part])
            torch.distributed.broadcast(packed, rank)
            if rank != self._share.rank:
                pieces = torch.split(packed, [parameter.numel() for parameter in part])
                for parameter, piece in zip(part, pieces, strict=True):
                    parameter.copy_(piece.view(parameter.shape))


def _orthogonal(matrix: Tensor, group: dict[str, Any]) -> Tensor:
    """Nearly the orthogonal matrix next to this one, by Newton and Schulz's iteration."""
    a, b, c = group["ns_coefficients"]
    tall = matrix.shape[0] > matrix.shape[1]
    found = matrix.T if tall else matrix
    found = found / found.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return found.T if tall else found


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


def _as_matrix(tensor: Tensor, like: Tensor) -> Tensor:
    """[out, in, …] as [out, in × …] in the order of `like`'s memory: of a parameter itself, a view."""
    if like.ndim == 4 and not like.is_contiguous():
        return tensor.permute(0, 2, 3, 1).flatten(1)
    return tensor.flatten(1)
