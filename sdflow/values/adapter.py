"""What planning knows of a file that is laid on a model: a LoRA or its kin, or a textual inversion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sdflow.values.model import Location, WeightFile


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """One adapter file, here or not.

    `label` is how messages call it. `family` is the kind of model that it is for, in a reader's words (`SDXL`), and
    `roles` the components that it has weights for; empty and None where that cannot be known yet. `context` is the
    width of the text that its cross-attention takes, 0 where it has none. Of an embedding, `token` is the word that
    the file gives it and `vectors` their number and width for each text encoder by role, or under "" for any.
    """

    kind: Literal["lora", "embedding"]
    file: WeightFile
    location: Location
    label: str
    family: str = ""
    roles: frozenset[str] | None = None
    context: int = 0
    token: str = ""
    vectors: Mapping[str, tuple[int, int]] = field(default_factory=dict)
