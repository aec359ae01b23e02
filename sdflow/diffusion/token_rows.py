"""From chunks of tokens to the rows that a CLIP text encoder reads."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from sdflow.diffusion.learned_words import LearnedWord
from sdflow.prompts.chunks import Chunk
from sdflow.prompts.fragments import Weighting
from sdflow.prompts.vocabulary import FIRST_VECTOR, Vocabulary, adds_words, with_words
from sdflow.values import Tokens

ENDS = 2
"""The tokens at the two ends of every row."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenRows:
    """One chunk of every text of a batch.

    ids, mask: token numbers and attention mask, int64[batch, 77]. weights: of each token, float32[batch, 77].
    places: bool[batch, 77], where the vectors of learnt words stand; learned: those vectors, row by row.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    weights: torch.Tensor
    places: torch.Tensor
    learned: tuple[torch.Tensor, ...] = ()

    @property
    def weighted(self) -> bool:
        """Whether any token counts more or less than usual."""
        return bool((self.weights != 1).any())


def vocabulary_of(tokenizer: Any, words: Sequence[LearnedWord], weighting: Weighting) -> Vocabulary:
    """The tokens that a `CLIPTokenizer` makes of texts, with learnt words as the language has them."""
    reader = with_added(tokenizer, tuple(word.word for word in words)) if adds_words(weighting) else tokenizer

    @cache
    def tokenize(text: str) -> Tokens:
        ids = tuple(reader(text, add_special_tokens=False, verbose=False).input_ids)
        return Tokens(ids, (0,) * len(ids))

    def spelled(token: int) -> str:
        return str(reader.convert_ids_to_tokens(token)) if token < FIRST_VECTOR else ""

    vocabulary = Vocabulary(tokenize, spelled, int(tokenizer.model_max_length) - ENDS)
    return with_words(vocabulary, [(word.word, len(word.vectors)) for word in words], weighting)


def with_added(tokenizer: Any, words: tuple[str, ...]) -> Any:
    """A tokenizer that knows more words; the given one stays as it is."""
    if not words:
        return tokenizer
    reader = copy.deepcopy(tokenizer)
    reader.add_tokens(list(words))
    return reader


def rows_of(
    tokenizer: Any, chunks: Sequence[Chunk], words: Sequence[LearnedWord] = (), *, numbered: bool = True
) -> TokenRows:
    """One chunk of every text of a batch between its ends, filled up to the encoder's length.

    Vectors are `numbered` on from the tokenizer's last token, as in diffusers, where encoders that look for the
    largest number as the end of the text may find them; else they are no number at all to them.
    """
    length = int(tokenizer.model_max_length)
    rows = [[tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id] for chunk in chunks]
    padded = torch.tensor([row + [tokenizer.pad_token_id] * (length - len(row)) for row in rows])
    masks = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    weights = [[1.0, *chunk.weights, *[1.0] * (length - 1 - len(chunk.weights))] for chunk in chunks]
    places = padded >= FIRST_VECTOR
    vectors = [vector for word in words for vector in word.vectors]
    learned = tuple(vectors[int(number) - FIRST_VECTOR] for number in padded[places])
    shown = padded - FIRST_VECTOR + len(tokenizer) if numbered else torch.zeros_like(padded)
    return TokenRows(
        torch.where(places, shown, padded), torch.tensor(masks), torch.tensor(weights), places, learned
    )
