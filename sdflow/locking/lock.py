"""A lock as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sdflow.composition import Composition

SUFFIX = ".lock"


@dataclass(frozen=True, slots=True)
class Pin:
    """One file: its digest with the algorithm named, and its size in bytes; None for a configuration."""

    digest: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a recipe takes from one place: the commit of a hub repository (else empty), and its files.

    `files` are named by the component that is read from them: `unet/diffusion_pytorch_model.safetensors`; one that is
    laid on a model, or stands alone, by itself. A component's configuration is one of them, `unet/configuration`, and
    its digest is that of what it says, however it is written.
    """

    revision: str = ""
    files: Mapping[str, Pin] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lock:
    """What a recipe was locked to.

    inputs: pictures and the like by their names in the recipe. places: where models come from, as `place_name` calls
    them. nodes: versions of the node types. recipes: digests of the recipes that it uses, by their names from its
    folder.
    """

    inputs: Mapping[str, Pin] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    nodes: Mapping[str, int] = field(default_factory=dict)
    recipes: Mapping[str, Pin] = field(default_factory=dict)


def lock_path(recipe: Path) -> Path:
    """Where the lock of a recipe is: `portrait.lock` beside `portrait.yaml`."""
    return recipe.with_suffix(SUFFIX)


def beside(composition: Composition) -> Path:
    """The same for a recipe that was read: in the folder that its paths start from, under its name."""
    return composition.base / lock_path(Path(Path(composition.identity).name))
