"""The one file that says how toybox is trained."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from training.family.config import Family
from training.settings import Crops, Fit, Part


class Artwork(Part):
    """The package of drawings, by name in the npm registry; or a folder of drawings that is there already."""

    package: str
    version: str
    integrity: str
    folder: Path | None = None


class Scenes(Part):
    """How many scenes are rendered: to train on, and to measure with."""

    count: int = Field(ge=16)
    measured: int = Field(ge=8)


class Tokenizer(Part):
    """How many tokens the vocabulary has, the two special ones among them."""

    tokens: int = Field(ge=600)


class Autoencoder(Part):
    """AutoencoderKL: four levels, a factor of 8, four channels."""

    channels: tuple[int, int, int, int]
    layers: int = Field(ge=1)
    kl: float = Field(ge=0)
    crops: tuple[Crops, ...]
    fit: Fit


class TinyAutoencoder(Part):
    """AutoencoderTiny, taught by the autoencoder's latents."""

    channels: int = Field(ge=8)
    crops: tuple[Crops, ...]
    fit: Fit


class Text(Part):
    """CLIPTextModel."""

    width: int
    layers: int
    heads: int


class Unet(Part):
    """UNet2DConditionModel: channels of its levels, and at which of them it attends to the prompt."""

    channels: tuple[int, ...]
    attends: tuple[bool, ...]
    layers: int = Field(ge=1)
    head: int


class Diffusion(Part):
    """Text encoder and UNet, trained together.

    Attributes:
        batch: samples in each process and step.
        unprompted: the share of samples whose caption is left empty, for classifier-free guidance.
        offset_noise: of each channel's mean, so that dark and light pictures are reached.
        snr: the limit of the min-SNR weighting (https://arxiv.org/abs/2303.09556).
    """

    batch: int = Field(ge=1)
    unprompted: float = Field(ge=0, le=1)
    offset_noise: float = Field(ge=0)
    snr: float = Field(gt=0)
    text: Text
    unet: Unet
    fit: Fit


class Classifier(Part):
    """The judge of pictures."""

    channels: tuple[int, ...]
    batch: int = Field(ge=1)
    fit: Fit


class Evaluation(Part):
    """How the trained model is asked."""

    guidance: float = Field(ge=0)
    steps: int = Field(ge=1)
    seeds: int = Field(ge=1)
    prompts: int = Field(ge=1)


class Config(Part):
    """Everything that training depends on, besides the code.

    Attributes:
        processes: that train side by side, one thread each, on the CPU; a GPU is used by one.
    """

    seed: int
    processes: int = Field(ge=1)
    artwork: Artwork
    scenes: Scenes
    tokenizer: Tokenizer
    autoencoder: Autoencoder
    tiny_autoencoder: TinyAutoencoder
    diffusion: Diffusion
    classifier: Classifier
    evaluation: Evaluation
    family: Family


def settings_of(config: Config) -> dict[str, Any]:
    """The settings that a run cannot change once it has begun: its scenes, its vocabulary, the shapes of its nets."""
    told = config.model_dump(mode="json", include={"seed", "artwork", "scenes", "tokenizer"})
    nets = {
        "autoencoder": {"channels", "layers"},
        "tiny_autoencoder": {"channels"},
        "classifier": {"channels"},
    }
    nets["diffusion"] = {"text", "unet"}
    return told | config.model_dump(mode="json", include=nets)


def keep_settings(config: Config, run: Path) -> None:
    """Notes the settings in the run's folder, or sees that they are those that it began with.

    Raises:
        ValueError: they are others; the message says which.
    """
    path, wanted = run / "settings.json", settings_of(config)
    if not path.is_file():
        run.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        return
    begun = json.loads(path.read_text(encoding="utf-8"))
    others = ", ".join(name for name, value in wanted.items() if begun.get(name) != value)
    if others:
        raise ValueError(f"{run} was begun with other settings of {others}; give another folder with --run")


def read_config(paths: Sequence[Path], changes: Sequence[str] = ()) -> Config:
    """The first file, what later ones say instead, and then `section.field=value` (a TOML value).

    Raises:
        ValueError: something is wrong in a file or a change; the message says what and where.
    """
    data: dict[str, Any] = {}
    for path in paths:
        data = _laid_over(data, tomllib.loads(path.read_text(encoding="utf-8")))
    for change in changes:
        data = _laid_over(data, tomllib.loads(change))
    return Config.model_validate(data)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
