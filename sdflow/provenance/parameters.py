"""The `parameters` text that AUTOMATIC1111's program writes into pictures and most others can read.

Three parts on lines of their own: the prompt, `Negative prompt: …`, and `Name: value` pairs from `Steps` on.
Values with commas, colons or line breaks are quoted as JSON strings.
"""

import json
import re
from collections.abc import Mapping

from sdflow.composition import Json

LABELS: Mapping[str, str] = {
    "steps": "Steps",
    "sampler": "Sampler",
    "schedule": "Schedule type",
    "guidance": "CFG scale",
    "seed": "Seed",
    "size": "Size",
    "model_hash": "Model hash",
    "model": "Model",
    "vae_hash": "VAE hash",
    "vae": "VAE",
    "strength": "Denoising strength",
    "clip_skip": "Clip skip",
    "version": "Version",
}
"""What each fact is called in the text, in the order in which they stand there."""

_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_FEWEST_PAIRS = 3


def parameters_text(facts: Mapping[str, Json]) -> str:
    """The text for one picture.

    facts: `prompt`, `negative`, and the keys of `LABELS`; None and what is left out is not written. `size` is
    `512x512`, `model_hash` the first ten digits of the checkpoint's sha256, `version` names the program.
    """
    lines = [str(facts.get("prompt") or "")]
    if facts.get("negative"):
        lines.append(f"{_NEGATIVE} {facts['negative']}")
    given = [(label, facts[key]) for key, label in LABELS.items() if facts.get(key) is not None]
    pairs = [f"{label}: {_quoted(value)}" for label, value in given]
    return "\n".join([*lines, ", ".join(pairs)])


def parse_parameters(text: str) -> dict[str, str]:
    """The facts of such a text by the keys of `LABELS` (others by their label), `prompt` and `negative`."""
    *lines, last = text.strip("\n").split("\n")
    pairs = _PAIR.findall(last)
    if len(pairs) < _FEWEST_PAIRS:
        lines, pairs = [*lines, last], []
    keys = {label: key for key, label in LABELS.items()}
    facts = {keys.get(label, label): _unquoted(value) for label, value in pairs}
    start = next((place for place, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    facts["prompt"] = "\n".join(lines[:start])
    negative = "\n".join(lines[start:]).removeprefix(_NEGATIVE).removeprefix(" ")
    return facts | ({"negative": negative} if negative else {})


def _quoted(value: Json) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n"]', text) else text


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text.strip()
    try:
        return str(json.loads(text))
    except ValueError:
        return text
