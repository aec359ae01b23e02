"""ControlNets (arXiv:2302.05543) and T2I-Adapters (arXiv:2302.08453) as aids, as diffusers' pipelines use them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from sdflow.diffusion.aid import Aid, Evaluation
from sdflow.diffusion.hints import Hint

Residuals: TypeAlias = "tuple[list[torch.Tensor], torch.Tensor]"


@dataclass(frozen=True, slots=True)
class Use:
    """One network with one picture to follow.

    net: a `ControlNetModel`, `ControlNetUnionModel` or `T2IAdapter` on the run's device.
    weight: what its outputs are multiplied by. start, end: fractions of the evaluations between which it counts.
    guess: it sees the prompt's side alone, and counts the less the finer the layer (guess mode).
    mode: for a union, the number of the kind of picture that this is.
    """

    net: Any
    hint: Hint
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    guess: bool = False
    mode: int | None = None

    def weight_in(self, evaluation: Evaluation) -> float:
        """Its weight in an evaluation, 0 outside of its part of the run."""
        return self.weight if evaluation.within(self.start, self.end) else 0.0

    @property
    def guesses(self) -> bool:
        """A network that pools its outputs guesses in any case."""
        return self.guess or bool(getattr(self.net.config, "global_pool_conditions", False))


def control_aids(uses: Sequence[Use], *, batch: int, width: int, height: int) -> list[Aid]:
    """The aids for a run over latents of a batch of pictures of this size."""
    adapters = [use for use in uses if hasattr(use.net, "adapter")]
    nets = [use for use in uses if use not in adapters]
    found: list[Aid] = []
    if nets:
        found.append(ControlNets(_grouped(nets), batch, width, height))
    if adapters:
        found.append(T2IAdapters(adapters, batch, width, height))
    return found


def _grouped(uses: Sequence[Use]) -> list[list[Use]]:
    """Pictures for one union are shown to it together; everything else is evaluated by itself."""
    groups: list[list[Use]] = []
    for use in uses:
        same = (group for group in groups if use.mode is not None and group[0].net is use.net)
        group = next(same, None)
        if group is None:
            groups.append([use])
        else:
            group.append(use)
    return groups


@dataclass(slots=True)
class ControlNets:
    """What ControlNets add to the UNet's skip connections; several are summed up."""

    groups: Sequence[Sequence[Use]]
    batch: int
    width: int
    height: int
    _shown: dict[tuple[int, int, int], torch.Tensor] = field(default_factory=dict)

    @contextmanager
    def opened(self, unet: Any) -> Iterator[None]:  # noqa: ARG002 - as every aid
        """Nothing to prepare; pictures that were made ready are let go at the end."""
        yield
        self._shown.clear()

    def arguments(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """The residuals of those that count now, and nothing when none does."""
        found: Residuals | None = None
        for place, group in enumerate(self.groups):
            weights = [use.weight_in(evaluation) for use in group]
            if any(weights):
                residuals = self._evaluated(place, weights, evaluation)
                found = residuals if found is None else _sum(found, residuals)
        if found is None:
            return {}
        return {"down_block_additional_residuals": found[0], "mid_block_additional_residual": found[1]}

    def _evaluated(self, place: int, weights: Sequence[float], evaluation: Evaluation) -> Residuals:
        group, guidance = self.groups[place], evaluation.guidance
        net, guess = group[0].net, any(use.guesses for use in group)
        sides = guidance.sides
        partly = guess and not all(sides)
        shown = [of_prompt or not partly for of_prompt in sides]
        added = guidance.added
        if added is not None:
            added = {name: _rows(tensor, shown) for name, tensor in added.items()}
        hints = [
            self._hint((place, number, sum(shown)), use.hint, evaluation.scaled)
            for number, use in enumerate(group)
        ]
        scaled = _rows(evaluation.scaled, shown)
        down, middle = net(
            # A tensor of its own: where a part of a larger one begins in memory could move bits.
            scaled.clone() if partly else scaled,
            evaluation.timestep,
            encoder_hidden_states=_rows(guidance.embeddings, shown),
            added_cond_kwargs=added,
            guess_mode=guess,
            return_dict=False,
            **_conditions(net, group, hints, weights),
        )
        if partly:
            down = [_among_zeros(it, sides) for it in down]
            middle = _among_zeros(middle, sides)
        return list(down), middle

    def _hint(self, place: tuple[int, int, int], hint: Hint, like: torch.Tensor) -> torch.Tensor:
        """A picture for every row that the network is given."""
        if place not in self._shown:
            made = _for_batch(hint.tensor(self.width, self.height), self.batch)
            made = made.to(device=like.device, dtype=like.dtype)
            copies = place[2]
            self._shown[place] = torch.cat([made] * copies) if copies > 1 else made
        return self._shown[place]


def _conditions(
    net: Any, group: Sequence[Use], hints: list[torch.Tensor], weights: Sequence[float]
) -> dict[str, Any]:
    """Pictures and weights as the network takes them."""
    modes = [use.mode for use in group if use.mode is not None]
    if not modes:
        return {"controlnet_cond": hints[0], "conditioning_scale": weights[0]}
    kinds = torch.zeros(net.config.num_control_type).scatter_(0, torch.tensor(modes), 1)
    like = hints[0]
    return {
        "controlnet_cond": hints,
        "conditioning_scale": list(weights),
        "control_type": kinds.reshape(1, -1).to(like.device, dtype=like.dtype).repeat(len(like), 1),
        "control_type_idx": modes,
    }


def _for_batch(tensor: torch.Tensor, batch: int) -> torch.Tensor:
    """One for each item: one picture serves all."""
    return tensor.repeat_interleave(batch if len(tensor) == 1 else 1, dim=0)


def _rows(tensor: torch.Tensor, shown: Sequence[bool]) -> torch.Tensor:
    """The rows of some of the copies of a batch; a view where they are the last ones, as a prompt's mostly are."""
    if all(shown):
        return tensor
    each = len(tensor) // len(shown)
    first = shown.index(True)
    if all(shown[first:]):
        return tensor[first * each :]
    return torch.cat(
        [part for part, is_shown in zip(tensor.chunk(len(shown)), shown, strict=True) if is_shown]
    )


def _among_zeros(tensor: torch.Tensor, sides: Sequence[bool]) -> torch.Tensor:
    """Rows for all copies: what is not of the prompt is left as it is."""
    parts = iter(tensor.chunk(sum(sides)))
    nothing = torch.zeros_like(tensor[: len(tensor) // sum(sides)])
    return torch.cat([next(parts) if of_prompt else nothing for of_prompt in sides])


def _sum(one: Residuals, other: Residuals) -> Residuals:
    down = [before + more for before, more in zip(one[0], other[0], strict=True)]
    return down, one[1] + other[1]


@dataclass(slots=True)
class T2IAdapters:
    """What T2I-Adapters add to the outputs of the UNet's blocks: features of the picture, the same in every step."""

    uses: Sequence[Use]
    batch: int
    width: int
    height: int
    _features: list[list[torch.Tensor]] = field(default_factory=list)

    @contextmanager
    def opened(self, unet: Any) -> Iterator[None]:
        """Look at the pictures, once for the run."""
        for use in self.uses:
            channels = int(use.net.config.in_channels)
            seen = use.hint.tensor(self.width, self.height, channels).to(device=unet.device, dtype=unet.dtype)
            self._features.append(list(use.net(seen)))
        yield
        self._features.clear()

    def arguments(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """The features of those that count now, summed up; the UNet takes tensors that it may keep."""
        weights = [use.weight_in(evaluation) for use in self.uses]
        counting = [(it, weight) for it, weight in zip(self._features, weights, strict=True) if weight]
        if not counting:
            return {}
        (first, weight), *others = counting
        state = [feature * weight for feature in first]
        for features, factor in others:
            state = [before + factor * feature for before, feature in zip(state, features, strict=True)]
        state = [it.repeat(self.batch, 1, 1, 1) if len(it) == 1 else it for it in state]
        copies = evaluation.guidance.copies
        return {"down_intrablock_additional_residuals": [torch.cat([it] * copies) for it in state]}
