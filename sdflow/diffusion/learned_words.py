"""Textual inversion (arXiv:2208.01618): words whose vectors were learnt, and that the text encoder does not know."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True, eq=False)
class LearnedWord:
    """A word and its vectors, float[vectors, width]."""

    word: str
    vectors: torch.Tensor


@contextmanager
def reading_vectors(module: Any, places: torch.Tensor, vectors: Sequence[torch.Tensor]) -> Iterator[None]:
    """Let a text encoder read vectors at some places of a batch of rows; afterwards it is as it was before.

    Args:
        module: a `CLIPTextModel`, or one with projection.
        places: bool[batch, tokens], where vectors are; the numbers there are not looked up.
        vectors: float[width] for each of the places, row by row.
    """
    if not vectors:
        yield
        return
    embedding = module.get_input_embeddings()
    places = places.to(embedding.weight.device)
    learned = torch.stack([vector.to(embedding.weight) for vector in vectors])

    def without(_embedding: Any, given: tuple[torch.Tensor]) -> torch.Tensor:
        return given[0].masked_fill(places, 0)

    def with_vectors(_embedding: Any, _given: Any, found: torch.Tensor) -> torch.Tensor:
        return found.masked_scatter(places[..., None], learned)

    hooks = (
        embedding.register_forward_pre_hook(without),
        embedding.register_forward_hook(with_vectors),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
