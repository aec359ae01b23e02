"""What planning knows of a file that is laid on a model: a LoRA or its kin, or a textual inversion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sdflow.values.model import Location, WeightFile

FAMILIES = {"sd1": "SD 1.x", "sd2": "SD 2.x", "sdxl": "SDXL", "sdxl-refiner": "the SDXL refiner"}
"""Families of models (`Model.family`) that adapters are made for, as messages call them."""


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """One adapter file, here or not.

    `label` is how messages call it. `family` is the family of models that it is for, and `roles` the components that
    it has weights for; empty and None where that cannot be known yet. `context` is the
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
