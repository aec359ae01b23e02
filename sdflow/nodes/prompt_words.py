"""Textual inversions on a model's text encoders, and which of them prompts use."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sdflow.graph.facts import Facts
from sdflow.graph.node import Refusal
from sdflow.prompts import PromptError, Weighting, read_prompt
from sdflow.prompts.vocabulary import Vocabulary, adds_words, with_words
from sdflow.values import Adapter, Component, Model

if TYPE_CHECKING:
    from sdflow.diffusion.learned_words import LearnedWord


def used_words(component: Component, texts: Iterable[str], weighting: Weighting) -> tuple[Adapter, ...]:
    """The textual inversions on a text encoder that texts may use: all whose letters stand in them."""
    embeddings = [adapter for adapter in component.adapters if adapter.kind == "embedding"]
    if not embeddings:
        return ()
    said = [_letters(it) for text in dict.fromkeys(texts) for it in _readings(text, weighting)]
    return tuple(it for it in embeddings if any(_letters(it.token) in letters for letters in said))


def with_used_words(model: Model, used: Mapping[str, tuple[Adapter, ...]]) -> Model:
    """The model with no textual inversions but `used`, which are given by text encoder."""
    return model.with_components(
        {
            role: replace(
                component,
                adapters=tuple(it for it in component.adapters if it.kind != "embedding" or it in used[role]),
            )
            for role, component in model.components.items()
            if role in used and component.adapters
        }
    )


def planned_vocabulary(
    facts: Facts, tokenizer: Component, words: Sequence[Adapter], weighting: Weighting
) -> Vocabulary:
    """The tokens that a tokenizer will make of prompts, with the textual inversions that they use.

    Raises:
        Refusal: a word of theirs is no new one for the tokenizer, where it has to be added.
    """
    tokens = tuple(word.token for word in words)
    vocabulary = facts.vocabulary(tokenizer, tokens if adds_words(weighting) else ())
    if adds_words(weighting):
        known = facts.vocabulary(tokenizer)
        for token in tokens:
            ids = vocabulary.tokenize(token).ids
            if len(ids) != 1 or known.spelled(ids[0]):
                text = f"the embedding's word `{token}` is no new one for the tokenizer"
                raise Refusal(text, field="model", hint="give it another one: `token` of load-embedding")
    return with_words(vocabulary, [(word.token, word.vectors) for word in words], weighting)


def learned_words(words: Sequence[Adapter], role: str) -> "tuple[LearnedWord, ...]":
    """The vectors of textual inversions for a text encoder, read from their files.

    Raises:
        InputChangedError: a file is not the one that the plan was made with.
    """
    if not words:
        return ()
    from sdflow.diffusion.learned_words import LearnedWord
    from sdflow.engine.context import InputChangedError
    from sdflow.models.embedding_weights import ChangedEmbeddingError, read_vectors

    try:
        return tuple(LearnedWord(word.token, read_vectors(word, role)) for word in words)
    except ChangedEmbeddingError as error:
        raise InputChangedError(str(error)) from error


def variants_of(text: str, weighting: Weighting) -> int:
    """How many different things a prompt says."""
    return len(_readings(text, weighting))


def _readings(text: str, weighting: Weighting) -> Sequence[str]:
    try:
        return [variant.text for variant in read_prompt(text, weighting)]
    except PromptError:
        return ()  # refused elsewhere


def _letters(text: str) -> str:
    """A text as tokenizers compare it, and without spaces: tokens know no spaces between signs."""
    return "".join(unicodedata.normalize("NFC", text).lower().split())
