"""Random streams: one CPU generator per item of a batch, so that a seed means the same on every device."""

from collections.abc import Sequence

import torch

Streams = torch.Tensor
"""uint8[batch, n]: the state of each item's generator."""


def streams_from_seeds(seeds: Sequence[int]) -> Streams:
    """The streams that `torch.Generator().manual_seed(seed)` starts, one for each seed."""
    return states_of([torch.Generator().manual_seed(seed) for seed in seeds])


def generators_of(streams: Streams) -> list[torch.Generator]:
    """Generators that go on where the streams are; the streams stay as they are."""
    generators = []
    for state in streams:
        generator = torch.Generator()
        generator.set_state(state.clone())
        generators.append(generator)
    return generators


def states_of(generators: Sequence[torch.Generator]) -> Streams:
    """Where generators are now."""
    return torch.stack([generator.get_state() for generator in generators])


def draw_from(generators: Sequence[torch.Generator], shape: tuple[int, ...]) -> torch.Tensor:
    """Gaussian noise float32[batch, *shape], one draw of `shape` from each generator, which moves on.

    Equal to diffusers' `randn_tensor` with a list of generators. A draw in half precision equals this one
    cast to it, so that noise is drawn in float32 and cast where it is used.
    """
    return torch.cat([torch.randn((1, *shape), generator=generator) for generator in generators])


def draw(streams: Streams, shape: tuple[int, ...]) -> tuple[torch.Tensor, Streams]:
    """Gaussian noise float32[batch, *shape], and the streams after the draw."""
    generators = generators_of(streams)
    noise = draw_from(generators, shape)
    return noise, states_of(generators)
