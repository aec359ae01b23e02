"""The windows through which `denoise` looks at a large latent."""

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from sdflow.graph.node import Refusal
from sdflow.values import LatentSpec, Model

if TYPE_CHECKING:
    from sdflow.diffusion.tiles import Tiling

_WHOLE = ("control",)
"""Fields of denoise that need the whole latent at once."""


class Windows(BaseModel):
    """Windows on a large latent, in pixels of the picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    size: int | None = Field(None, ge=64, le=8192)
    """Width and height of a window, a multiple of 64; by default what the model was trained on."""
    overlap: int | None = Field(None, ge=0, le=4096)
    """Pixels that neighbouring windows share, a multiple of the VAE's factor (8); by default a quarter of a window."""


def windows_of(windows: Windows, model: Model) -> "Tiling":
    """Windows in latent elements.

    Raises:
        Refusal: sizes that are no such multiples, or an overlap of more than half.
    """
    from sdflow.diffusion.tiles import Tiling

    factor = model.space.factor
    size = windows.size or max(64, min(model.native_size) // 64 * 64)
    overlap = size // 4 // factor * factor if windows.overlap is None else windows.overlap
    if size % 64:
        near = f"the nearest are {size // 64 * 64} and {size // 64 * 64 + 64}"
        raise Refusal(f"windows of {size} are no multiple of 64", field="windows", code="SDF204", hint=near)
    if overlap % factor:
        message = f"an overlap of {overlap} is no multiple of {factor}"
        raise Refusal(message, field="windows", code="SDF204")
    if 2 * overlap > size:
        message = f"windows of {size} that overlap by {overlap}: more than half of each"
        raise Refusal(message, field="windows", hint=f"at most {size // 2}; a quarter is usual")
    return Tiling(size // factor, overlap // factor)


def refuse_windows(windows: Windows | None, model: Model, node: object) -> None:
    """Refuse windows that make no sense, or go with something that needs the whole latent.

    Raises:
        Refusal: as above.
    """
    if windows is None:
        return
    windows_of(windows, model)
    for field in _WHOLE:
        if getattr(node, field, None):
            message = f"{field} is made for the whole picture, and the model is shown windows of it"
            raise Refusal(message, field="windows", code="SDF446", hint=f"leave out windows or {field}")


def seen_at_once(windows: Windows | None, model: Model, latent: LatentSpec) -> LatentSpec:
    """What the UNet sees of a latent in one evaluation."""
    if windows is None:
        return latent
    size = windows_of(windows, model).size
    return replace(latent, height=min(latent.height, size), width=min(latent.width, size))


def repeated(windows: Windows | None, model: Model, latent: LatentSpec) -> float:
    """How many times as much is computed because windows overlap."""
    if windows is None:
        return 1.0
    tiling = windows_of(windows, model)
    seen = sum(down.size * across.size for down, across in tiling.tiles(latent.height, latent.width))
    return seen / (latent.height * latent.width)
