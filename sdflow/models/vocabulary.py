"""Whether a tokenizer speaks the language of a text encoder."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from sdflow.models.refused import Finding
from sdflow.problems import Problem
from sdflow.values import Component


def foreign_vocabulary(components: Mapping[str, Component]) -> Iterator[Finding]:
    """A problem where a tokenizer gives tokens that the text encoder has no place for.

    Reads the tokenizer's files, so it is worth asking only where the two come from different places.
    """
    tokenizer, text = components.get("tokenizer"), components.get("text_encoder")
    if tokenizer is None or text is None or tokenizer.location.folder is None:
        return
    places = text.config.get("vocab_size", 49408)  # the default of CLIPTextConfig
    largest = largest_token(tokenizer.location.folder)
    if largest is not None and isinstance(places, int) and largest >= places:
        message = f"the tokenizer gives tokens up to {largest}, and the text encoder knows {places}"
        hint = "Take the tokenizer and the text encoder from the same place."
        yield Finding(("tokenizer",), Problem("SDF308", message, hint=hint))


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
