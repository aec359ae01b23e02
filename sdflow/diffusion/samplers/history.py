"""What a scheduler remembers between steps, taken out of it and put back, to the bit.

A scheduler of diffusers keeps its history in attributes: counters, earlier model outputs, lists of them
with gaps. Which attributes those are differs from class to class and from release to release, so they are
found by comparison: whatever is no longer what it was before the first step is history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import torch

from sdflow.composition import Json
from sdflow.diffusion.samplers.scheduler import Scheduler

_NOISE_SOURCE = "noise_sampler"
"""Made anew from its seeds (`brownian.py`), never stored."""

Before: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class History:
    """Plain facts, in which `{"tensor": name, "home": bool}` stands for a tensor, and the CPU tensors.

    `home` is true for tensors that live on the run's device.
    """

    facts: Mapping[str, Json]
    tensors: Mapping[str, torch.Tensor]


def before_stepping(scheduler: Scheduler) -> Before:
    """The attributes of a scheduler that is ready for its first step."""
    return {name: list(it) if isinstance(it, list) else it for name, it in vars(scheduler).items()}


def capture(scheduler: Scheduler, before: Before, device: torch.device) -> History:
    """What has changed since `before`.

    Raises:
        TypeError: an attribute has changed to something that cannot be stored; a bug, or a new release.
    """
    facts: dict[str, Json] = {}
    tensors: dict[str, torch.Tensor] = {}
    for name, value in vars(scheduler).items():
        if name != _NOISE_SOURCE and not (name in before and _same(before[name], value)):
            facts[name] = _store(name, value, tensors, device)
    return History(facts, tensors)


def restore(scheduler: Scheduler, history: History, device: torch.device) -> None:
    """Put a history into a scheduler that is ready for its first step."""
    for name, fact in history.facts.items():
        setattr(scheduler, name, _load(fact, history.tensors, device))


def _same(old: object, new: object) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, bool | int | float | str) and isinstance(new, bool | int | float | str):
        return type(old) is type(new) and old == new
    return old is new


def _store(name: str, value: object, tensors: dict[str, torch.Tensor], device: torch.device) -> Json:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().to("cpu", copy=True)
        return {"tensor": name, "home": value.device.type == device.type}
    if isinstance(value, list):
        return [_store(f"{name}.{place}", it, tensors, device) for place, it in enumerate(value)]
    raise TypeError(f"the scheduler's {name} is a {type(value).__name__}, which cannot be stored")


def _load(fact: Json, tensors: Mapping[str, torch.Tensor], device: torch.device) -> object:
    if isinstance(fact, list):
        return [_load(it, tensors, device) for it in fact]
    if isinstance(fact, dict):
        tensor = tensors[cast("str", fact["tensor"])]
        return tensor.to(device if fact["home"] else "cpu", copy=True)
    return fact
