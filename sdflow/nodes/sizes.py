"""What `denoise` tells SDXL beside the prompt, and what it refuses to tell other models."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from sdflow.diffusion.micro import Micro, Wishes, micro_conditioning
from sdflow.graph.node import Refusal
from sdflow.values import LatentSpec, Model

if TYPE_CHECKING:
    from sdflow.nodes.denoise import Denoise

_MOST = 65536
_SIZES = (
    "original_size",
    "target_size",
    "crop",
    "negative_original_size",
    "negative_target_size",
    "negative_crop",
)
_TARGETS = ("target_size", "negative_target_size")
_SCORES = ("aesthetic_score", "negative_aesthetic_score")


class Pixels(BaseModel):
    """A size in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    width: int = Field(ge=1, le=_MOST)
    """Width in pixels."""
    height: int = Field(ge=1, le=_MOST)
    """Height in pixels."""


class Corner(BaseModel):
    """Where a crop begins, in pixels from the top left of the picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    top: int = Field(0, ge=0, le=_MOST)
    """Pixels above the crop."""
    left: int = Field(0, ge=0, le=_MOST)
    """Pixels beside the crop."""


def micro_of(node: "Denoise", model: Model, latent: LatentSpec) -> Micro | None:
    """The numbers that the model's UNet is told beside the prompt; None for models that are told none."""
    if model.space.family != "sdxl":
        return None
    factor = latent.space.factor
    wishes = Wishes(
        original=_size(node.original_size),
        target=_size(node.target_size),
        crop=_corner(node.crop),
        negative_original=_size(node.negative_original_size),
        negative_target=_size(node.negative_target_size),
        negative_crop=_corner(node.negative_crop),
        score=node.aesthetic_score,
        negative_score=node.negative_aesthetic_score,
    )
    return micro_conditioning(
        wishes,
        height=latent.height * factor,
        width=latent.width * factor,
        scored=model.family == "sdxl-refiner",
        of_picture=latent.level.begins_with_picture,
    )


def refuse_sizes(node: "Denoise", model: Model) -> None:
    """Refuse fields that the model would not be told.

    Raises:
        Refusal: sizes for another family, a target size for the refiner, a score for any but the refiner.
    """
    scored = model.family == "sdxl-refiner"
    for field in (*_SIZES, *_SCORES):
        if getattr(node, field) is None:
            continue
        written = field.replace("_", "-")
        if model.space.family != "sdxl":
            message = f"{written} is for SDXL, and this is another model"
        elif field in _SCORES and not scored:
            message = f"{written} is for the refiner of SDXL"
        elif field in _TARGETS and scored:
            message = f"{written} is not told to the refiner of SDXL: it takes aesthetic-score in its place"
        else:
            continue
        raise Refusal(message, field=field, code="SDF214", hint=f"leave {written} out")


def _size(pixels: Pixels | None) -> tuple[int, int] | None:
    return None if pixels is None else (pixels.height, pixels.width)


def _corner(corner: Corner | None) -> tuple[int, int] | None:
    return None if corner is None else (corner.top, corner.left)
