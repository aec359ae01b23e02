"""What takes part in a UNet's evaluations without being a part of it, such as a ControlNet or an adapter."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from sdflow.diffusion.guidance import StepGuidance


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of the UNet, as an aid sees it.

    step, steps: the step of the schedule that it belongs to, from 0, and the number of steps of the whole schedule,
        also where a run does only some of them.
    number, count: its own number, from 0, among the evaluations of the whole schedule, or among those that `strength`
        leaves of it: what the pipelines count in when they begin or end something at a fraction.
    timestep: int64 or float32[], as the UNet is given it.
    scaled: float[copies · batch, channels, h, w], the latent at the scale of the UNet, without what an inpainting UNet
        is shown beside it; the guidance's `sides` say which copies belong to the prompt.
    guidance: embeddings, pooled embeddings and sizes of the step, in the same order.
    """

    step: int
    steps: int
    number: int
    count: int
    timestep: torch.Tensor
    scaled: torch.Tensor
    guidance: StepGuidance

    def within(self, start: float, end: float) -> bool:
        """Whether it lies between two fractions, as `control_guidance_start` and `control_guidance_end` are counted."""
        return not (self.number / self.count < start or (self.number + 1) / self.count > end)


class Aid(Protocol):
    """Takes part in the evaluations of one run. It holds nothing that a run cannot make again from its request."""

    def opened(self, unet: Any) -> AbstractContextManager[None]:
        """Prepare the UNet for the length of a run, and leave it as it was."""

    def arguments(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """More arguments for the UNet in an evaluation; mappings are merged with those of others by key."""


@contextmanager
def opened(aids: Sequence[Aid], unet: Any) -> Iterator[None]:
    """All aids at work, in their order."""
    with ExitStack() as stack:
        for aid in aids:
            stack.enter_context(aid.opened(unet))
        yield


def merged(arguments: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with more of them: mappings such as `added_cond_kwargs` are joined.

    Raises:
        ValueError: two give the same argument, and it is no mapping.
    """
    found = dict(arguments)
    for name, value in more.items():
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, Mapping) and isinstance(value, Mapping):
            found[name] = merged(before, value)
        else:
            raise ValueError(f"{name} is given twice")
    return found
