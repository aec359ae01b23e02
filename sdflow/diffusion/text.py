"""Prompts into conditioning, as the `encode_prompt` of diffusers' Stable Diffusion pipelines makes it.

What the prompts say in which steps, and how that fills chunks, is worked out by `sdflow.prompts`. Then, for each text
encoder, chunks become rows of tokens (`token_rows.py`), rows become hidden states (`hidden_states`), and these are
weighted (`prompt_weights.py`); those of all chunks and encoders are joined (`embed`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import torch

from sdflow.diffusion.learned_words import LearnedWord, reading_vectors
from sdflow.diffusion.prompt_weights import as_a1111, as_comfy
from sdflow.diffusion.token_rows import TokenRows, rows_of, vocabulary_of
from sdflow.problems import UserError, problem
from sdflow.prompts.chunks import Chunk, Layout, Long, padded
from sdflow.prompts.fragments import PromptError, Weighting
from sdflow.prompts.moments import Moment, chunk_counts, moments
from sdflow.values import Conditioning, Entry

Reading: TypeAlias = Literal["last", "penultimate", "unnormed"]
"""Which hidden state is taken: the last, normed (Stable Diffusion); the one before the last layer (SDXL); or the last
as it comes, with the normed one of the end as pooled text (the latent upscaler)."""
Texts: TypeAlias = Sequence[str]
"""One text for all items, or one for each."""


@dataclass(frozen=True, slots=True, eq=False)
class TextEncoder:
    """A text encoder with its tokenizer: a `CLIPTextModel`, or one with projection, which gives pooled text, too.

    `words` are textual inversions that the two do not know.
    """

    tokenizer: Any
    module: Any
    words: tuple[LearnedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class _Manner:
    """How texts are embedded; the fields are arguments of `encode_prompts`."""

    weighting: Weighting
    reading: Reading
    clip_skip: int
    truncate: bool
    device: str | torch.device


def encode_prompts(
    encoders: Sequence[TextEncoder],
    prompts: Sequence[Texts],
    negatives: Sequence[Texts] | None,
    *,
    weighting: Weighting = "plain",
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
        weighting: the language of the prompts. With `a1111` a side has an entry for each thing that it says.
        reading: as the model's family has it.
        clip_skip: how many of the encoders' last layers to leave out, beyond those that are left out anyway. Negative
            prompts go through all others where A1111 and ComfyUI are not asked for: diffusers' pipelines have it so.
        long: what to do with more tokens than an encoder reads (75 and two at the ends): `refuse`; `truncate`;
            `chunk`, which encodes chunks of up to 75 on their own and joins the embeddings. Empty ones fill up what
            `chunk_counts` asks for.
        device: where the text encoders are.

    Returns:
        Embeddings float[batch, 77 · chunks, width] on the CPU, in the dtype of the last text encoder; and its pooled
        ones, of the first chunk, where it has a projection.

    Raises:
        UserError: SDF408, too long and `long` is `refuse`; SDF411, `clip_skip` leaves no layer; SDF421, the language
            does not allow a prompt.
    """
    _refuse_skipping_all(encoders, reading, clip_skip)
    vocabularies = [vocabulary_of(one.tokenizer, one.words, weighting) for one in encoders]
    sides = [prompts] if negatives is None else [prompts, negatives]
    try:
        said = [moments(side, weighting, vocabularies, long) for side in sides]
    except PromptError as error:
        raise problem("SDF421", f"a prompt cannot be read: {error}") from error
    if long == "refuse":
        _refuse_long(said, vocabularies[0].room)
    counts = chunk_counts(said, weighting)
    manner = _Manner(weighting, reading, clip_skip, long == "truncate", device)
    with torch.inference_mode():
        positive = _entries(encoders, said[0], prompts, counts[0], manner)
        if negatives is None:
            negative = [zeros_like(positive[0])]
        else:
            manner = manner if weighting in {"a1111", "comfy"} else replace(manner, clip_skip=0)
            negative = _entries(encoders, said[1], negatives, counts[1], manner)
    return Conditioning(tuple(map(_ordinary, positive)), tuple(map(_ordinary, negative)))


def _entries(
    encoders: Sequence[TextEncoder],
    said: Sequence[Moment],
    texts: Sequence[Texts],
    chunks: Sequence[int],
    manner: _Manner,
) -> list[Entry]:
    """An entry for every moment, each in `chunks` of its own; compel reads the texts themselves, and knows one."""
    if manner.weighting != "compel":
        return [
            replace(embed(encoders, it.layouts, count, manner), span=it.span)
            for it, count in zip(said, chunks, strict=True)
        ]
    from sdflow.diffusion.compel_text import embed_as_compel

    states = partial(_states, reading=manner.reading, clip_skip=manner.clip_skip)
    made = [
        embed_as_compel(encoder, own, chunks[0], states, truncate=manner.truncate)
        for encoder, own in zip(encoders, texts, strict=True)
    ]
    return [joined(encoders, [features for features, _ in made], made[-1][1])]


def embed(
    encoders: Sequence[TextEncoder], layouts: Sequence[Sequence[Layout]], chunks: int, manner: _Manner
) -> Entry:
    """The texts of each encoder: chunks joined along the tokens, encoders along the features."""
    features, pooled = [], None
    for encoder, own in zip(encoders, layouts, strict=True):
        items = padded(own, chunks)
        read = [_chunk(encoder, [item[number] for item in items], manner) for number in range(chunks)]
        states = [state for state, _ in read]
        features.append(torch.cat(states, dim=1) if len(states) > 1 else states[0])
        pooled = read[0][1]
    return joined(encoders, features, pooled)


def joined(
    encoders: Sequence[TextEncoder], features: Sequence[torch.Tensor], pooled: torch.Tensor | None
) -> Entry:
    """What each encoder made of its texts, side by side."""
    states = torch.cat(list(features), dim=-1) if len(features) > 1 else features[0]
    dtype = encoders[-1].module.dtype
    return Entry(
        states.to(device="cpu", dtype=dtype),
        None if pooled is None else pooled.to(device="cpu", dtype=dtype),
    )


def _chunk(
    encoder: TextEncoder, chunks: Sequence[Chunk], manner: _Manner
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What an encoder makes of one chunk of every text, with the weights of its tokens applied."""
    rows = rows_of(encoder.tokenizer, chunks, encoder.words, numbered=manner.weighting == "plain")
    states, pooled = hidden_states(encoder.module, rows, manner)
    if not rows.weighted:
        return states, pooled
    if manner.weighting == "a1111":
        return as_a1111(states, rows.weights), pooled
    empty, _ = hidden_states(encoder.module, rows_of(encoder.tokenizer, [Chunk()]), manner)
    return as_comfy(states, rows.weights, empty), pooled


def hidden_states(module: Any, rows: TokenRows, manner: _Manner) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What a text encoder makes of rows: float[batch, 77, width], and its pooled text where it has a projection."""
    masked = manner.reading == "last" and getattr(module.config, "use_attention_mask", False)
    mask = rows.mask.to(manner.device) if masked else None
    with reading_vectors(module, rows.places, rows.learned):
        return _states(
            module, rows.ids.to(manner.device), mask, reading=manner.reading, clip_skip=manner.clip_skip
        )


def _states(
    module: Any, ids: torch.Tensor, mask: torch.Tensor | None, *, reading: Reading, clip_skip: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    if reading == "penultimate":
        output = module(ids, attention_mask=mask, output_hidden_states=True)
        pooled = output[0] if output[0].ndim == 2 else None  # noqa: PLR2004  # batch and features
        return output.hidden_states[-(clip_skip + 2)], pooled
    if reading == "unnormed":
        output = module(ids, attention_mask=mask, output_hidden_states=True)
        return output.hidden_states[-(clip_skip + 1)], output.pooler_output
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
    pooled = None if entry.pooled is None else entry.pooled.clone()
    return replace(entry, embeddings=entry.embeddings.clone(), pooled=pooled)


def _refuse_skipping_all(encoders: Sequence[TextEncoder], reading: Reading, clip_skip: int) -> None:
    always = 1 if reading == "penultimate" else 0
    layers = min(int(encoder.module.config.num_hidden_layers) for encoder in encoders) - always
    if not 0 <= clip_skip < layers:
        text = f"clip-skip {clip_skip} of a text encoder of which {layers} layers are used"
        raise problem("SDF411", text, hint=f"0 to {layers - 1} layers can be skipped")


def _refuse_long(said: Sequence[Sequence[Moment]], room: int) -> None:
    layouts = [it for side in said for moment in side for own in moment.layouts for it in own]
    too_long = {
        layout.text: problem(
            "SDF408",
            f"the prompt has {layout.longest} tokens and the text encoder reads {room}: {layout.text[:60]!r}…",
            hint="shorten it, or set `long: truncate` or `long: chunk`",
        ).problems[0]
        for layout in layouts
        if layout.cut is not None
    }
    if too_long:
        raise UserError(*too_long.values())
