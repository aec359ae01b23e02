"""SDXL's micro-conditioning: the numbers that its UNets are told beside the prompt. Torch-free.

Stable Diffusion XL was trained with the size of each picture before it was scaled, where it was cropped, and the size
it was trained at (arXiv:2307.01952, section 2.2); its refiner with an aesthetic score in place of the last.
"""

from dataclasses import dataclass
from typing import TypeAlias

Size: TypeAlias = tuple[int, int]
"""Height and width in pixels, or top and left of a crop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a user says of the sizes; None is what the pipelines take where nothing is said."""

    original: Size | None = None
    target: Size | None = None
    crop: Size | None = None
    negative_original: Size | None = None
    negative_target: Size | None = None
    negative_crop: Size | None = None
    score: float | None = None
    negative_score: float | None = None


@dataclass(frozen=True, slots=True)
class Micro:
    """The numbers for the two sides of guidance: six of sizes, or five that end with a score."""

    positive: tuple[float, ...]
    negative: tuple[float, ...]


def micro_conditioning(wishes: Wishes, *, height: int, width: int, scored: bool, of_picture: bool) -> Micro:
    """The numbers as diffusers' pipelines put them together.

    Args:
        wishes: what is said.
        height: of the picture that is made, in pixels.
        width: the same.
        scored: the UNet is the refiner's, which is told a score (6.0 and 2.5 where nothing is said).
        of_picture: the run starts from a picture. That pipeline takes the crop of the prompt for the negative side as
            well; the one from noise takes none where it is given both negative sizes, and so does the refiner.
    """
    original, target = wishes.original or (height, width), wishes.target or (height, width)
    crop = wishes.crop or (0, 0)
    both = wishes.negative_original is not None and wishes.negative_target is not None
    uncropped = scored or (both and not of_picture)
    negative_crop = wishes.negative_crop or ((0, 0) if uncropped else crop)
    negative_original, negative_target = (
        wishes.negative_original or original,
        wishes.negative_target or target,
    )
    if scored:
        score = 6.0 if wishes.score is None else wishes.score
        low = 2.5 if wishes.negative_score is None else wishes.negative_score
        return Micro((*original, *crop, score), (*negative_original, *negative_crop, low))
    return Micro((*original, *crop, *target), (*negative_original, *negative_crop, *negative_target))
