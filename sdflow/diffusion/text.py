"""Prompts into conditioning, as the `encode_prompt` of diffusers' Stable Diffusion pipelines makes it.

Three steps: for each text encoder, texts become rows of tokens (`token_rows.py`) and rows become hidden states
(`hidden_states`); those of all pieces and encoders are joined (`embed`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch

from sdflow.diffusion.token_rows import ENDS, TokenRows, token_rows
from sdflow.problems import UserError, problem
from sdflow.values import Conditioning, Entry

Long: TypeAlias = Literal["refuse", "truncate", "chunk"]
Reading: TypeAlias = Literal["last", "penultimate"]
"""Which hidden state is taken: the last, normed (Stable Diffusion), or the one before the last layer (SDXL)."""
Texts: TypeAlias = Sequence[str]
"""One text for all items, or one for each."""


@dataclass(frozen=True, slots=True, eq=False)
class TextEncoder:
    """A text encoder with its tokenizer: a `CLIPTextModel`, or one with projection, which gives pooled text, too."""

    tokenizer: Any
    module: Any

    @property
    def room(self) -> int:
        """Tokens of a text that fit between the two at its ends."""
        return int(self.tokenizer.model_max_length) - ENDS

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self.tokenizer(text, add_special_tokens=False).input_ids)


def encode_prompts(
    encoders: Sequence[TextEncoder],
    prompts: Sequence[Texts],
    negatives: Sequence[Texts] | None,
    *,
    reading: Reading = "last",
    clip_skip: int = 0,
    long: Long = "refuse",
    device: str | torch.device = "cpu",
) -> Conditioning:
    """Embed prompts and negative prompts, each in a batch of its own.

    Args:
        encoders: on `device`, in the order in which their features are joined.
        prompts: those of each encoder.
        negatives: the same; without any, zeros in the shape of the prompts.
        reading: as the model's family has it.
        clip_skip: how many of the encoders' last layers to leave out for the prompts, beyond those that are left out
            anyway. Negative prompts always go through all others: diffusers' pipelines have it so.
        long: what to do with more tokens than an encoder reads (75 and two at the ends): `refuse`; `truncate`;
            `chunk`, which encodes pieces of 75 on their own and joins the embeddings, and brings all prompts and
            negatives to the same number of pieces with empty ones.
        device: where the text encoders are.

    Returns:
        Embeddings float[batch, 77 · pieces, width] on the CPU, in the dtype of the last text encoder; and its pooled
        ones, of the first piece, where it has a projection.

    Raises:
        UserError: SDF408, too long and `long` is `refuse`; SDF411, `clip_skip` leaves no layer.
    """
    _refuse_skipping_all(encoders, reading, clip_skip)
    pieces = _pieces(encoders, prompts if negatives is None else [*prompts, *negatives], long)
    with torch.inference_mode():
        positive = embed(encoders, prompts, pieces, reading=reading, clip_skip=clip_skip, device=device)
        if negatives is None:
            negative = zeros_like(positive)
        else:
            negative = embed(encoders, negatives, pieces, reading=reading, clip_skip=0, device=device)
    return Conditioning((_ordinary(positive),), (_ordinary(negative),))


def embed(
    encoders: Sequence[TextEncoder],
    texts: Sequence[Texts],
    pieces: int,
    *,
    reading: Reading,
    clip_skip: int,
    device: str | torch.device,
) -> Entry:
    """The texts of each encoder in as many pieces: pieces joined along the tokens, encoders along the features."""
    features, pooled = [], None
    for encoder, own in zip(encoders, texts, strict=True):
        rows = token_rows(encoder.tokenizer, own, pieces)
        read = [
            hidden_states(encoder.module, it, reading=reading, clip_skip=clip_skip, device=device)
            for it in rows
        ]
        states = [state for state, _ in read]
        features.append(torch.cat(states, dim=1) if len(states) > 1 else states[0])
        pooled = read[0][1]
    joined = torch.cat(features, dim=-1) if len(features) > 1 else features[0]
    dtype = encoders[-1].module.dtype
    return Entry(
        joined.to(device="cpu", dtype=dtype),
        None if pooled is None else pooled.to(device="cpu", dtype=dtype),
    )


def hidden_states(
    module: Any, rows: TokenRows, *, reading: Reading, clip_skip: int, device: str | torch.device
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What a text encoder makes of rows: float[batch, 77, width], and its pooled text where it has a projection."""
    ids = rows.ids.to(device)
    if reading == "penultimate":
        output = module(ids, output_hidden_states=True)
        pooled = output[0] if output[0].ndim == 2 else None  # noqa: PLR2004  # batch and features
        return output.hidden_states[-(clip_skip + 2)], pooled
    masked = getattr(module.config, "use_attention_mask", False)
    mask = rows.mask.to(device) if masked else None
    if not clip_skip:
        return module(ids, attention_mask=mask)[0], None
    states = module(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    # transformers 5.6 has moved the layers of CLIPTextModel from `text_model` into the model itself.
    inner = getattr(module, "text_model", module)
    return inner.final_layer_norm(states[-(clip_skip + 1)]), None


def zeros_like(entry: Entry) -> Entry:
    """An entry of zeros in the shape of another."""
    return Entry(
        torch.zeros_like(entry.embeddings), None if entry.pooled is None else torch.zeros_like(entry.pooled)
    )


def _ordinary(entry: Entry) -> Entry:
    """Tensors of its own, which others may work on outside inference mode."""
    return Entry(entry.embeddings.clone(), None if entry.pooled is None else entry.pooled.clone())


def _refuse_skipping_all(encoders: Sequence[TextEncoder], reading: Reading, clip_skip: int) -> None:
    always = 1 if reading == "penultimate" else 0
    layers = min(int(encoder.module.config.num_hidden_layers) for encoder in encoders) - always
    if not 0 <= clip_skip < layers:
        text = f"clip-skip {clip_skip} of a text encoder of which {layers} layers are used"
        raise problem("SDF411", text, hint=f"0 to {layers - 1} layers can be skipped")


def _pieces(encoders: Sequence[TextEncoder], texts: Sequence[Texts], long: Long) -> int:
    """Into how many pieces all texts are cut; `texts` are those of each encoder, several times over."""
    counted = {
        (text, encoder.room): encoder.count(text)
        for place, own in enumerate(texts)
        for encoder in (encoders[place % len(encoders)],)
        for text in own
    }
    if long == "refuse":
        _refuse_long(counted)
    if long != "chunk":
        return 1
    return max(1, *(-(-count // room) for (_, room), count in counted.items()))


def _refuse_long(counted: dict[tuple[str, int], int]) -> None:
    too_long = [
        problem(
            "SDF408",
            f"the prompt has {count} tokens and the text encoder reads {room}: {text[:60]!r}…",
            hint="shorten it, or set `long: truncate` or `long: chunk`",
        ).problems[0]
        for (text, room), count in counted.items()
        if count > room
    ]
    if too_long:
        raise UserError(*too_long)
