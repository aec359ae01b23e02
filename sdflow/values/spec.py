"""What is known of a value before it is computed: its kind and shape. Plain data, made while planning."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdflow.composition import Json


@dataclass(frozen=True, slots=True)
class LatentSpace:
    """Which autoencoder's space a latent lives in: latents of two spaces never mix, even when shapes fit.

    `family` is `sd` (Stable Diffusion 1.x and 2.x share one space) or `sdxl`; `factor` is pixels per latent
    element along one side.
    """

    family: str
    channels: int
    factor: int


@dataclass(frozen=True, slots=True)
class Level:
    """How noisy a latent is.

    `noise` is unit Gaussian noise, `clean` no noise, `partial` the state before step `step` of the schedule with
    digest `schedule`.
    """

    kind: Literal["noise", "clean", "partial"]
    step: int = 0
    schedule: str = ""

    def to_json(self) -> dict[str, Json]:
        """For a stored skeleton."""
        return {"kind": self.kind, "step": self.step, "schedule": self.schedule}


NOISE = Level("noise")
CLEAN = Level("clean")


@dataclass(frozen=True, slots=True)
class LatentSpec:
    """A latent of `batch` items, `height` × `width` latent elements (not pixels)."""

    batch: int
    height: int
    width: int
    space: LatentSpace
    level: Level
    kind: Literal["Latent"] = "Latent"

    def __str__(self) -> str:
        return f"{self.level.kind} latent {self.batch}×{self.space.channels}×{self.height}×{self.width}"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """`batch` pictures of `height` × `width` pixels with 3 or 4 channels, `depth` bits each."""

    batch: int
    height: int
    width: int
    channels: int = 3
    depth: int = 8
    kind: Literal["Image"] = "Image"

    def __str__(self) -> str:
        many = f"{self.batch} × " if self.batch > 1 else ""
        return f"{many}{self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class MaskSpec:
    """`batch` masks of `height` × `width` pixels."""

    batch: int
    height: int
    width: int
    kind: Literal["Mask"] = "Mask"

    def __str__(self) -> str:
        return f"mask {self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class ConditioningSpec:
    """Embedded prompts: `batch` of them (1 fits any latent batch), `width` features per token."""

    batch: int
    tokens: int
    width: int
    kind: Literal["Conditioning"] = "Conditioning"

    def __str__(self) -> str:
        return f"conditioning {self.batch}×{self.tokens}×{self.width}"


@dataclass(frozen=True, slots=True)
class TrajectorySpec:
    """The states of a denoise, numbered by steps done: from `start` to `end`, both included."""

    latent: LatentSpec
    start: int
    end: int
    kind: Literal["Trajectory"] = "Trajectory"

    def __str__(self) -> str:
        return f"states {self.start}…{self.end}"


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How long a prompt is for a tokenizer: tokens without the two at its ends, and how many fit.

    `cut` is the place in the text (in characters) where what does not fit begins.
    """

    count: int
    limit: int
    cut: int


Spec: TypeAlias = LatentSpec | ImageSpec | MaskSpec | ConditioningSpec | TrajectorySpec
