"""Whether a tokenizer speaks the language of a text encoder."""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from sdflow.models.refused import Finding
from sdflow.problems import Problem
from sdflow.values import Component

_PAIRS = {"tokenizer": "text_encoder", "tokenizer_2": "text_encoder_2"}


def foreign_vocabulary(components: Mapping[str, Component], parts: Collection[str]) -> Iterator[Finding]:
    """A problem for each tokenizer that gives tokens which its text encoder has no place for.

    Reads the tokenizer's files, so only those are looked at of which `parts` has the tokenizer or the text
    encoder: they come from a place of their own.
    """
    for role, encoder in _PAIRS.items():
        tokenizer, text = components.get(role), components.get(encoder)
        if not {role, encoder} & set(parts) or tokenizer is None or text is None:
            continue
        if tokenizer.location.folder is None:
            continue
        places = text.config.get("vocab_size", 49408)  # the default of CLIPTextConfig
        largest = largest_token(tokenizer.location.folder)
        if largest is not None and isinstance(places, int) and largest >= places:
            message = f"the tokenizer gives tokens up to {largest}, and the text encoder knows {places}"
            hint = "Take the tokenizer and the text encoder from the same place."
            yield Finding((role,), Problem("SDF308", message, hint=hint))


def largest_token(folder: Path) -> int | None:
    """The largest number that a tokenizer's own vocabulary gives, or None when its files do not tell."""
    for name in ("tokenizer.json", "vocab.json"):
        try:
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            numbers = content if name == "vocab.json" else content["model"]["vocab"]
            return max(int(number) for number in numbers.values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return None
