"""What a UNet is shown beside a latent: a picture to paint into or to edit, or a small one to enlarge."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdflow.composition import Json
from sdflow.values.encoded import RawTensor
from sdflow.values.tensors import from_raw, to_raw

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class Inpaint:
    """The picture around what is painted anew. Sizes are those of the latent, on the CPU.

    mask: float32[1 or batch, 1, height, width]: 1 is painted anew, 0 stays.
    masked: float32[batch, channels, height, width], latents of the picture without what is painted anew, drawn by
        lot after the picture's own latent and the noise.
    masked_alone: the same, drawn after the noise alone, and
    streams_alone: uint8[batch, n], the random streams before anything was drawn: for UNets that are not shown the
        picture's own latent.
    picture, noise: float32[batch, channels, height, width], of a partly denoised latent: what it began with.
    strengths: float32[1 or batch, 1, height, width], of a soft mask: how strongly each place is painted anew, 0 to 1.
    """

    mask: "torch.Tensor"
    masked: "torch.Tensor"
    masked_alone: "torch.Tensor"
    streams_alone: "torch.Tensor"
    picture: "torch.Tensor | None" = None
    noise: "torch.Tensor | None" = None
    strengths: "torch.Tensor | None" = None


@dataclass(frozen=True, slots=True, eq=False)
class LowResolution:
    """A small picture with noise in it, which an upscaler is shown, pixel by latent element.

    picture: float32[batch, 3, height, width] in about -1 … 1, on the CPU.
    noise_level: int64[1], how noisy it is: a timestep of the noise schedule for small pictures.
    """

    picture: "torch.Tensor"
    noise_level: "torch.Tensor"


@dataclass(frozen=True, slots=True, eq=False)
class ToEdit:
    """A picture to edit as a prompt says (arXiv:2211.09800).

    picture: float32[batch, channels, height, width], its latents as the UNet takes them, on the CPU.
    """

    picture: "torch.Tensor"


@dataclass(frozen=True, slots=True, eq=False)
class SmallLatent:
    """A latent of half the sides, which the latent upscaler is shown.

    small: float32[batch, channels, height / 2, width / 2], on the CPU.
    """

    small: "torch.Tensor"


Beside = Inpaint | LowResolution | ToEdit | SmallLatent
_KINDS: dict[str, type[Inpaint] | type[LowResolution] | type[ToEdit] | type[SmallLatent]] = {
    "inpaint": Inpaint,
    "low-resolution": LowResolution,
    "edit": ToEdit,
    "small-latent": SmallLatent,
}


def kind_of(beside: Beside | None) -> str:
    """Its name: `inpaint`, `low-resolution`, `edit`, `small-latent`, or empty for nothing."""
    return next((name for name, kind in _KINDS.items() if isinstance(beside, kind)), "")


def tensors_of(beside: Beside) -> "dict[str, torch.Tensor]":
    """Its tensors by name, without those that are not there."""
    found = {name: getattr(beside, name) for name in beside.__dataclass_fields__}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def encode_beside(beside: Beside) -> tuple[Json, dict[str, RawTensor]]:
    """For the skeleton and the tensors of a stored latent."""
    return kind_of(beside), {f"beside.{name}": to_raw(tensor) for name, tensor in tensors_of(beside).items()}


def decode_beside(kind: str, tensors: dict[str, RawTensor]) -> Beside:
    """The reverse of `encode_beside`."""
    found = {
        name.removeprefix("beside."): from_raw(raw)
        for name, raw in tensors.items()
        if name.startswith("beside.")
    }
    return _KINDS[kind](**found)
