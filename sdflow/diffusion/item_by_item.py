"""A UNet that is shown one item at a time, whatever batch it is given: less memory, more calls."""

from collections.abc import Iterator
from typing import Any

import torch


class ItemByItem:
    """Stands for a UNet; everything of its batch is split, and the predictions are put together again.

    Convolutions and matrix products of other sizes round in another order, so that bits differ from those of the whole
    batch, and equal those of each item alone.
    """

    def __init__(self, unet: Any) -> None:
        self._unet = unet

    def __getattr__(self, name: str) -> Any:
        return getattr(self._unet, name)

    def __call__(self, sample: torch.Tensor, timestep: Any, **given: Any) -> tuple[torch.Tensor, ...]:
        """As the UNet's own call with `return_dict=False`; timesteps are one for all."""
        count = len(sample)
        if count == 1:
            return self._unet(sample, timestep, **given)  # type: ignore[no-any-return]  # diffusers has no types
        parts = {name: tuple(_items(value, count)) for name, value in given.items()}
        found = [
            self._unet(one, timestep, **{name: values[place] for name, values in parts.items()})[0]
            for place, one in enumerate(torch.split(sample, 1))
        ]
        return (torch.cat(found),)


def _items(value: Any, count: int) -> Iterator[Any]:
    """What each item is given: its row of a tensor of the batch's length, and anything else as it is."""
    if isinstance(value, torch.Tensor) and value.ndim and len(value) == count:
        yield from torch.split(value, 1)
    elif isinstance(value, dict):
        split = {name: tuple(_items(inner, count)) for name, inner in value.items()}
        yield from ({name: items[place] for name, items in split.items()} for place in range(count))
    elif isinstance(value, list | tuple):
        split_list = [tuple(_items(inner, count)) for inner in value]
        yield from (type(value)(items[place] for items in split_list) for place in range(count))
    else:
        yield from [value] * count
