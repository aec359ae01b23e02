"""Prompts into embeddings, as `StableDiffusionPipeline.encode_prompt` makes them."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import torch

from sdflow.problems import UserError, problem
from sdflow.values import Conditioning, Entry

Long: TypeAlias = Literal["refuse", "truncate", "chunk"]

_ENDS = 2


def encode_prompts(
    tokenizer: Any,
    text_encoder: Any,
    prompts: Sequence[str],
    negatives: Sequence[str],
    *,
    clip_skip: int = 0,
    long: Long = "refuse",
    device: str | torch.device = "cpu",
) -> Conditioning:
    """Embed prompts and negative prompts, each in a batch of its own.

    Args:
        tokenizer: a `CLIPTokenizer`.
        text_encoder: a `CLIPTextModel` on `device`.
        prompts: one for all items, or one for each.
        negatives: the same; an empty text is what the pipelines take for none.
        clip_skip: how many of the encoder's last layers to leave out for the prompts: their embeddings are
            the hidden states before those layers, after the final layer norm. Negative prompts always go
            through all layers: diffusers' pipelines have it so.
        long: what to do with more tokens than the encoder reads (75 and two at the ends): `refuse`;
            `truncate`; `chunk`, which encodes pieces of 75 on their own and joins the embeddings, and
            brings all prompts and negatives to the same number of pieces with empty ones.
        device: where the text encoder is.

    Returns:
        Embeddings float[batch, 77 · pieces, width] on the CPU, in the text encoder's dtype.

    Raises:
        UserError: SDF408, too long and `long` is `refuse`; SDF411, `clip_skip` leaves no layer.
    """
    layers = int(text_encoder.config.num_hidden_layers)
    if not 0 <= clip_skip < layers:
        text = f"clip-skip {clip_skip} of a text encoder with {layers} layers"
        raise problem("SDF411", text, hint=f"0 to {layers - 1} layers can be skipped")
    texts = [*prompts, *negatives]
    counts = {text: len(tokenizer(text, add_special_tokens=False).input_ids) for text in texts}
    room = int(tokenizer.model_max_length) - _ENDS
    if long == "refuse":
        _refuse_long(counts, room)
    pieces = -(-max(1, *counts.values()) // room) if long == "chunk" else 1
    with torch.inference_mode():
        positive = _embed(tokenizer, text_encoder, prompts, pieces, clip_skip=clip_skip, device=device)
        negative = _embed(tokenizer, text_encoder, negatives, pieces, clip_skip=0, device=device)
    return Conditioning((Entry(positive.clone()),), (Entry(negative.clone()),))


def _refuse_long(counts: dict[str, int], room: int) -> None:
    too_long = [
        problem(
            "SDF408",
            f"the prompt has {count} tokens and the text encoder reads {room}: {text[:60]!r}…",
            hint="shorten it, or set `long: truncate` or `long: chunk`",
        ).problems[0]
        for text, count in counts.items()
        if count > room
    ]
    if too_long:
        raise UserError(*too_long)


def _embed(
    tokenizer: Any,
    text_encoder: Any,
    texts: Sequence[str],
    pieces: int,
    *,
    clip_skip: int,
    device: str | torch.device,
) -> torch.Tensor:
    parts = []
    for rows in _token_rows(tokenizer, texts, pieces):
        masked = getattr(text_encoder.config, "use_attention_mask", False)
        mask = rows["attention_mask"].to(device) if masked else None
        ids = rows["input_ids"].to(device)
        if not clip_skip:
            parts.append(text_encoder(ids, attention_mask=mask)[0])
            continue
        states = text_encoder(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        # transformers 5.6 has moved the layers of CLIPTextModel from `text_model` into the model itself.
        inner = getattr(text_encoder, "text_model", text_encoder)
        parts.append(inner.final_layer_norm(states[-(clip_skip + 1)]))
    joined = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
    return joined.to(device="cpu", dtype=text_encoder.dtype)


def _token_rows(tokenizer: Any, texts: Sequence[str], pieces: int) -> list[dict[str, torch.Tensor]]:
    """Token numbers and attention masks, int64[batch, 77] each, for every piece."""
    length = int(tokenizer.model_max_length)
    if pieces == 1:
        whole = tokenizer(
            list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        return [{"input_ids": whole.input_ids, "attention_mask": whole.attention_mask}]
    room = length - _ENDS
    numbers = [tokenizer(text, add_special_tokens=False).input_ids for text in texts]
    return [
        _piece(tokenizer, [row[i * room : (i + 1) * room] for row in numbers], length) for i in range(pieces)
    ]


def _piece(tokenizer: Any, numbers: list[list[int]], length: int) -> dict[str, torch.Tensor]:
    rows = [[tokenizer.bos_token_id, *row, tokenizer.eos_token_id] for row in numbers]
    padded = [row + [tokenizer.pad_token_id] * (length - len(row)) for row in rows]
    masks = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    return {"input_ids": torch.tensor(padded), "attention_mask": torch.tensor(masks)}
