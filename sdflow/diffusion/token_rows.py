"""From texts to the rows of tokens that a CLIP text encoder reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

ENDS = 2
"""The tokens at the two ends of every row."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenRows:
    """One piece of every text of a batch: token numbers and attention mask, int64[batch, 77] each."""

    ids: torch.Tensor
    mask: torch.Tensor


def token_rows(tokenizer: Any, texts: Sequence[str], pieces: int) -> list[TokenRows]:
    """The rows of texts in as many pieces; in a single piece, what does not fit is cut off."""
    length = int(tokenizer.model_max_length)
    if pieces == 1:
        whole = tokenizer(
            list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        return [TokenRows(whole.input_ids, whole.attention_mask)]
    room = length - ENDS
    numbers = [tokenizer(text, add_special_tokens=False).input_ids for text in texts]
    return [
        _piece(tokenizer, [row[i * room : (i + 1) * room] for row in numbers], length) for i in range(pieces)
    ]


def _piece(tokenizer: Any, numbers: list[list[int]], length: int) -> TokenRows:
    rows = [[tokenizer.bos_token_id, *row, tokenizer.eos_token_id] for row in numbers]
    padded = [row + [tokenizer.pad_token_id] * (length - len(row)) for row in rows]
    masks = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    return TokenRows(torch.tensor(padded), torch.tensor(masks))
