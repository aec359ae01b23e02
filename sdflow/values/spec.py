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
    digest `schedule`; `of_picture` says that its run began with a picture.
    """

    kind: Literal["noise", "clean", "partial"]
    step: int = 0
    schedule: str = ""
    of_picture: bool = False

    @property
    def begins_with_picture(self) -> bool:
        """Whether a run of it is one from a picture: it is about to begin with one, or has begun with one."""
        return self.kind == "clean" or self.of_picture

    def to_json(self) -> dict[str, Json]:
        """For a stored skeleton."""
        return {
            "kind": self.kind,
            "step": self.step,
            "schedule": self.schedule,
            "of_picture": self.of_picture,
        }


NOISE = Level("noise")
CLEAN = Level("clean")


@dataclass(frozen=True, slots=True)
class LatentSpec:
    """A latent of `batch` items, `height` × `width` latent elements (not pixels).

    `beside` is what the UNet is to be shown with it: nothing (empty), `inpaint`, `low-resolution`, `edit` or
    `small-latent`.
    """

    batch: int
    height: int
    width: int
    space: LatentSpace
    level: Level
    beside: str = ""
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
class RegionSpec:
    """Boxes in `batch` pictures of `height` × `width` pixels."""

    batch: int
    height: int
    width: int
    kind: Literal["Region"] = "Region"

    def __str__(self) -> str:
        return f"region of {self.width}×{self.height}"


@dataclass(frozen=True, slots=True)
class Span:
    """In which steps of a schedule something counts: where all of its bounds hold.

    `from_step` to `until_step` (not included) are steps of the whole schedule, `from_` to `until` fractions of it,
    which begin and end at step int(fraction · steps), as A1111's prompt editing counts. A turn (i, n) holds in every
    n-th step, beginning with step i.
    """

    from_step: int = 0
    until_step: int | None = None
    from_: float = 0.0
    until: float = 1.0
    turns: tuple[tuple[int, int], ...] = ()

    def holds(self, step: int, steps: int) -> bool:
        """Whether it counts in step `step` (from 0) of a schedule of `steps`."""
        return (
            self.from_step <= step
            and (self.until_step is None or step < self.until_step)
            and int(self.from_ * steps) <= step
            and (self.until >= 1 or step < int(self.until * steps))
            and all(step % count == turn for turn, count in self.turns)
        )

    def within(self, other: "Span") -> "Span":
        """The steps in which both count."""
        ends = [end for end in (self.until_step, other.until_step) if end is not None]
        return Span(
            max(self.from_step, other.from_step),
            min(ends) if ends else None,
            max(self.from_, other.from_),
            min(self.until, other.until),
            tuple(dict.fromkeys((*self.turns, *other.turns))),
        )


ALWAYS = Span()


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of the picture, as fractions of its sides: 0 is left or top, 1 the whole side."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """One entry of a conditioning: how many tokens, in which steps it counts, and how strongly.

    `area` is the part of the picture that it is about; `mask` the mask's (height, width) in pixels, where there is one.
    """

    tokens: int
    span: Span = ALWAYS
    strength: float = 1.0
    area: Area | None = None
    mask: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ConditioningSpec:
    """Embedded prompts: `batch` of them (1 fits any latent batch), `width` features per token.

    `pooled` is the width of the pooled embeddings, 0 where there are none. The entries of a side are weighed against
    each other where several of them count.
    """

    batch: int
    width: int
    positive: tuple[EntrySpec, ...]
    negative: tuple[EntrySpec, ...]
    pooled: int = 0
    kind: Literal["Conditioning"] = "Conditioning"

    def __str__(self) -> str:
        many = f" in {len(self.positive)} parts" if len(self.positive) > 1 else ""
        return f"conditioning {self.batch}×{self.positive[0].tokens}×{self.width}{many}"


Features: TypeAlias = Literal["whole", "patches"]
"""What an image encoder tells of a picture: one vector of the whole, or one of each of its patches."""


@dataclass(frozen=True, slots=True)
class ImagePromptSpec:
    """So many encoded pictures, for an IP-Adapter that takes features of such a width."""

    pictures: int
    width: int
    features: Features
    kind: Literal["ImagePrompt"] = "ImagePrompt"

    def __str__(self) -> str:
        many = f"{self.pictures} pictures" if self.pictures > 1 else "picture"
        return f"encoded {many}, {self.features} {self.width}"


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
class AnimationSpec:
    """So many frames of `height` × `width` pixels, and how they are shown (`Animation`)."""

    frames: int
    height: int
    width: int
    fps: float
    hold: float = 0.0
    loop: int | None = None
    kind: Literal["Animation"] = "Animation"

    def __str__(self) -> str:
        seconds = self.frames / self.fps + self.hold
        return f"{self.frames} frames {self.width}×{self.height}, {seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as a tokenizer divides it, without the two tokens at its ends; `starts` are places in the text."""

    ids: tuple[int, ...]
    starts: tuple[int, ...]


Spec: TypeAlias = (
    LatentSpec
    | ImageSpec
    | MaskSpec
    | RegionSpec
    | ConditioningSpec
    | ImagePromptSpec
    | TrajectorySpec
    | AnimationSpec
)
