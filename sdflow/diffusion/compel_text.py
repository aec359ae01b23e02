"""Prompts in compel's language, embedded by compel itself (https://github.com/damian0815/compel)."""

import copy
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import torch

from sdflow.diffusion.learned_words import LearnedWord, reading_vectors
from sdflow.diffusion.token_rows import with_added

if TYPE_CHECKING:
    from sdflow.diffusion.text import TextEncoder

States: TypeAlias = Callable[
    [Any, torch.Tensor, torch.Tensor | None], tuple[torch.Tensor, torch.Tensor | None]
]
"""From a module, token numbers and an attention mask to hidden states and pooled text, as the family reads them."""


class _Expanding(Protocol):
    def expand_textual_inversion_token_ids_if_necessary(self, token_ids: list[int]) -> list[int]:
        """A word of several vectors as so many tokens."""


def embed_as_compel(
    encoder: "TextEncoder", texts: Sequence[str], chunks: int, states: States, *, truncate: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What compel makes of texts with one text encoder.

    Args:
        encoder: with its tokenizer and textual inversions.
        texts: one for each item.
        chunks: how many there are to be; compel's are filled up with those of an empty text.
        states: how hidden states are read.
        truncate: cut texts at the encoder's length.

    Returns:
        float[batch, 77 · chunks, width], and pooled text, of texts cut at the encoder's length, where there is any.
    """
    from compel import Compel

    reader = _Reader(encoder, states)
    compel = Compel(
        tokenizer=reader.tokenizer,
        text_encoder=reader,
        textual_inversion_manager=reader.words_manager(),
        truncate_long_prompts=truncate,
        requires_pooled=reader.pools,
        device=str(encoder.module.device),
    )
    made, pooled = [], []
    for text in texts:
        said = compel(text)
        if reader.pools:
            said, of_text = said
            pooled.append(of_text)
        length = int(encoder.tokenizer.model_max_length)
        missing = chunks - said.shape[1] // length
        made.append(torch.cat([said, *[compel.conditioning_provider.empty_z] * missing], dim=1))
    return torch.cat(made), torch.cat(pooled) if pooled else None


class _Reader:
    """A text encoder as compel calls it; its last hidden state is the one that the model's family reads."""

    def __init__(self, encoder: "TextEncoder", states: States) -> None:
        self.device, self.dtype, self.config = (
            encoder.module.device,
            encoder.module.dtype,
            encoder.module.config,
        )
        self.pools = hasattr(encoder.module, "text_projection")
        self.first = len(encoder.tokenizer)
        names = tuple(name for word in encoder.words for name in _names(word))
        self.tokenizer = _silent(with_added(encoder.tokenizer, names))
        self._module, self._states = encoder.module, states
        self._words = encoder.words
        self._vectors = [vector for word in encoder.words for vector in word.vectors]

    def __call__(
        self, ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_asked: bool
    ) -> SimpleNamespace:
        """Hidden states and pooled text of rows of tokens."""
        places = ids >= self.first
        learned = [self._vectors[int(number) - self.first] for number in ids[places]]
        with reading_vectors(self._module, places, learned):
            states, pooled = self._states(self._module, ids, attention_mask)
        return SimpleNamespace(last_hidden_state=states, text_embeds=pooled)

    def words_manager(self) -> _Expanding | None:
        """How compel learns that a word has several vectors."""
        if not self._words:
            return None
        from compel.embeddings_provider import BaseTextualInversionManager

        whole: dict[int, list[int]] = {}
        first = self.first
        for word in self._words:
            whole[first] = list(range(first, first + len(word.vectors)))
            first += len(word.vectors)

        class Expanding(BaseTextualInversionManager):  # type: ignore[misc]  # compel is untyped
            def expand_textual_inversion_token_ids_if_necessary(self, token_ids: list[int]) -> list[int]:
                return [vector for token in token_ids for vector in whole.get(token, [token])]

        return Expanding()


def _silent(tokenizer: Any) -> Any:
    """A tokenizer that does not warn of long texts, which compel divides itself; the given one stays as it is."""
    silent = copy.copy(tokenizer)
    said = "sequence-length-is-longer-than-the-specified-maximum"
    silent.deprecation_warnings = {**tokenizer.deprecation_warnings, said: True}
    return silent


def _names(word: LearnedWord) -> list[str]:
    """A name in the tokenizer for every vector; those after the first are no text that anybody writes."""
    return [word.word, *(f"{word.word}\ue000{number}" for number in range(1, len(word.vectors)))]
